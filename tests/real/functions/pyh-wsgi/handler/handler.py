def application(environ, start_response):
    words = [environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]]
    body = environ["wsgi.input"].read()
    start_response("203 Non-Authoritative Information", [("X-Two", "1"), ("X-Two", "2")])
    yield " ".join(words).encode()
    yield b" " + body
