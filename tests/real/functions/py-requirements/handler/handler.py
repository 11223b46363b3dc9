import idna


def handle(req):
    return idna.encode(req).decode()
