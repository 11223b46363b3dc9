def handle(req):
    return req.upper()
