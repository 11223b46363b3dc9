def handle(event, context):
    return {"statusCode": 200, "body": "ok", "headers": {"Set-Cookie": ["a=1", "b=2"]}}
