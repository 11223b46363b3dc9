"""WSGI applications (PEP 3333), in place of a handler, and Flask's context around one."""

import io
import os
import sys
from urllib.parse import unquote_to_bytes

_flask = None


def environ_of(request, stream):
    """A request as PEP 3333 has it."""
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "QUERY_STRING": request.query_string,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": os.environ.get("PORT") or "8082",
        "SERVER_PROTOCOL": request.version,
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name in request.headers:
        # X_Name and X-Name would become one, and a proxy that checks the one would not see the other.
        if "_" not in name:
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = request.headers[name]
    return environ


class Wsgi:
    """Serves a WSGI application (PEP 3333)."""

    def __init__(self, app):
        self.app = app

    def __call__(self, request, sent=None):
        """Answer a request; `sent` is its body when that has been read already."""
        stream = io.BufferedReader(request.body) if sent is None else io.BytesIO(sent)
        head = []

        def start_response(status, headers, exc_info=None):
            if exc_info and request.started:
                raise exc_info[1].with_traceback(exc_info[2])
            if head and not exc_info:
                raise AssertionError("start_response was called twice")
            head[:] = [int(status.split(" ", 1)[0]), headers]
            return write

        def write(content, length=None):
            if not head:
                raise AssertionError("the application wrote before it called start_response")
            if request.started:
                request.write(content)
            else:
                request.start(*head, content, length=length)

        pieces = self.app(environ_of(request, stream), start_response)
        try:
            whole = len(pieces) == 1 if isinstance(pieces, (list, tuple)) else False
            for piece in pieces:
                if piece:
                    write(piece, len(piece) if whole else None)
            if not request.started:
                write(b"", 0)
            request.finish()
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
            stream.detach() if sent is None else None


def flask_context(request, body):
    """What Flask's `request` stands for while a handler runs."""
    import flask

    global _flask
    _flask = _flask or flask.Flask("function")
    return _flask.request_context(environ_of(request, io.BytesIO(body)))
