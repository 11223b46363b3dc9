def handle(req):
    for number in range(int(req)):
        yield f"{number}\n"
