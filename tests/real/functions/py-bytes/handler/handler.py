def handle(req: bytes) -> bytes:
    return req[::-1]
