def handle(req):
    print("got", req)
