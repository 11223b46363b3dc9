def handle(event, context):
    return {"body": {"a": [1, 2]}}
