def handle(event, context):
    print("printed by the handler")
    return "ok"
