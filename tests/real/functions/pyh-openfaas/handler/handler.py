def handle(event, context):
    words = [event.method, event.path, event.query["k"], event.headers.get("x-mine"), event.body.decode()]
    return {"statusCode": 202, "body": " ".join(words), "headers": {"X-Out": "o"}}
