try:
    import something_nobody_has as extra
except ImportError:
    extra = None


def handle(req):
    return "with" if extra else "without"
