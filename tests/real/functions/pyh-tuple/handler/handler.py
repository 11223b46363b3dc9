def handle(event, context):
    if event.path == "/status":
        return "made", 201
    return "short", 418, {"X-Pot": "tea"}
