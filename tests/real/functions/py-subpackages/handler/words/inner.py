from ..quoting import quoted


def inner(text):
    return quoted(text)
