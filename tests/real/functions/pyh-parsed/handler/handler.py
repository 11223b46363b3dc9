def handle(event, context):
    return f"{event.body.decode()} {event.text} {event.json['n']}"
