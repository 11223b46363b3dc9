from function.quoting import quoted

from .words.inner import inner


def handle(req):
    return quoted(inner(req))
