import os


def handle(req):
    return " ".join(os.environ[name] for name in ("Http_Method", "Http_Path", "Http_Query"))
