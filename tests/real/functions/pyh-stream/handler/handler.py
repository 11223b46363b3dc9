def lines():
    for number in range(3):
        yield f"line {number}\n"


def handle(event, context):
    return {"headers": {"Content-Type": "text/event-stream"}, "body": lines()}
