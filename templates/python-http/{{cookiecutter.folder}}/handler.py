def handle(event, context):
    """Answer one request.

    `event` has `body` (bytes), `headers`, `method`, `path` and `query`; `context` has `hostname`.
    Return a dict with `statusCode`, `headers` and `body` (text, bytes, or anything JSON can hold).
    """
    return {"statusCode": 200, "body": f"Hello, Python. You said: {event.body.decode()}"}
