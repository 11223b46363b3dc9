def handle(event, context):
    return {"body": event.body * 2, "headers": {"content-type": "image/png"}}
