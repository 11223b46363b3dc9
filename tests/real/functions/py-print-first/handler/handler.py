def handle(req):
    print("first")
    return "second"
