def handle(event, context):
    return {"statusCode": 302, "headers": {"Location": event.query.get("to", "/")}, "body": ""}
