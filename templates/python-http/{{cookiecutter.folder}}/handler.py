def handle(event, context):
    """Answer one request.

    `event` has `body` (bytes), `text`, `json`, `headers`, `method`, `path`, `query` (`query.getlist(key)` for all
    values of a key) and `query_string`; `context` has `hostname`. Return a dict with `statusCode`, `headers` and
    `body` (text, bytes, a generator, or anything JSON can hold).
    """
    return {"statusCode": 200, "body": f"Hello, Python. You said: {event.body.decode()}"}
