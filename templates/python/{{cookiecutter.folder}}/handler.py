def handle(req):
    """Answer one request: `req` is the body as text; return text or bytes."""
    return f"Hello, Python. You said: {req}"
