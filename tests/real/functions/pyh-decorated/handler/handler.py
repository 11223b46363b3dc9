import functools


def bracketed(handle):
    @functools.wraps(handle)
    def wrapper(*args):
        return f"[{handle(*args)}]"

    return wrapper


@bracketed
def handle(event, context):
    return event.text
