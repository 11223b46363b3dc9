"""Serves the handler over HTTP on 127.0.0.1:$PORT (8082 unless set), behind the watchdog.

What a cold start does not need is imported by the first request that does.
"""

import os
import signal
import socket
import sys
import threading

from _faas_http import PIECE_BYTES, BadRequest, serve_connection

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "packages"))  # noqa: PTH118, PTH120

from function import handler  # (the line above makes its dependencies importable)

EXPECTED = "`handle(event, context)`, or a WSGI or ASGI application called `app` or `application`"
TEXT, BYTES, JSON = "text/plain; charset=utf-8", "application/octet-stream", "application/json"


class Query(dict):
    """The first value of each key of a query; `getlist(key)` has all of them."""

    def __init__(self, text):
        self.pairs = []
        if text:
            from urllib.parse import parse_qsl

            self.pairs = parse_qsl(text, keep_blank_values=True)
        for key, value in self.pairs:
            self.setdefault(key, value)

    def getlist(self, key):
        """Every value of a key, in the order they came."""
        return [value for each, value in self.pairs if each == key]

    def to_dict(self, flat=True):
        """The first value of each key, or with `flat=False` a list of all."""
        return dict(self) if flat else {key: self.getlist(key) for key in self}


class Event:
    """One request, as the handler sees it."""

    def __init__(self, request, body):
        self.body = body
        self.headers = request.headers
        self.method = request.method
        self.path = request.path
        if "%" in self.path:
            from urllib.parse import unquote

            self.path = unquote(self.path)
        self.query_string = request.query_string
        self.query = Query(request.query_string)

    @property
    def text(self):
        """The body as text."""
        return self.body.decode("utf-8", "surrogateescape")

    @property
    def json(self):
        """What the JSON of the body holds. Raises ValueError when it is none."""
        import json

        return json.loads(self.body)


class Context:
    """Where the function runs."""

    hostname = socket.gethostname()


def parameters(handle):
    """Names of the positional parameters of a function, `["*"]` for one that takes any number."""
    while hasattr(handle, "__wrapped__"):
        handle = handle.__wrapped__
    code = getattr(handle, "__code__", None) or getattr(type(handle).__call__, "__code__", None)
    if code is None or code.co_flags & 0x04:
        return ["*"]
    names = list(code.co_varnames[: code.co_argcount])
    return names if hasattr(handle, "__code__") and not hasattr(handle, "__self__") else names[1:]


class Handle:
    """Calls `handle(event, context)`; `handle(req)` gets the body, `handle(event)` the event alone."""

    def __init__(self, handle):
        self.handle = handle
        self.names = parameters(handle)
        # A handler that uses Flask's `request` needs what Flask knows of the request around it.
        self.flask = "flask" in sys.modules

    def __call__(self, request):
        event = Event(request, request.body.readall())
        if self.flask:
            from _faas_wsgi import flask_context

            with flask_context(request, event.body):
                self.answer(request, event)
        else:
            self.answer(request, event)

    def answer(self, request, event):
        if len(self.names) == 1 and self.names != ["*"]:
            result = self.handle(event if self.names == ["event"] else self.plain(event))
        else:
            result = self.handle(*(event, Context)[: len(self.names) if self.names != ["*"] else 2])
        if hasattr(result, "__await__"):
            from _faas_asgi import run

            result = run(result)
        respond(request, result, event.body)

    def plain(self, event):
        annotation = getattr(self.handle, "__annotations__", {}).get(self.names[0])
        return event.text if annotation in (str, "str") else event.body


def respond(request, result, sent):
    """Answer with whatever a handler returned."""
    if callable(result) and hasattr(result, "headers"):  # a response of Flask is an application of one answer
        from _faas_wsgi import Wsgi

        return Wsgi(result)(request, sent)
    status, fields, body = normalise(result)
    if hasattr(body, "__aiter__"):
        from _faas_asgi import iterate

        body = iterate(body)
    if hasattr(body, "read"):
        body = iter(lambda stream=body: stream.read(PIECE_BYTES), type(body.read(0))())
    if not hasattr(body, "__next__"):
        content, content_type = as_bytes(body)
        request.start(status, with_type(fields, content_type), content, length=len(content))
        return request.finish()
    first, content_type = as_bytes(next(body, b""))
    request.start(status, with_type(fields, content_type), first)
    for piece in body:
        request.write(as_bytes(piece)[0])
    return request.finish()


def normalise(result):
    """Status, pairs of headers and body of what a handler returned."""
    status, headers, body = 200, (), result
    if isinstance(result, dict) and ("statusCode" in result or "body" in result or set(result) == {"headers"}):
        status, headers, body = result.get("statusCode", 200), result.get("headers"), result.get("body")
    elif isinstance(result, tuple):
        body, *more = result
        headers = more.pop() if more and not isinstance(more[-1], (int, str)) else ()
        status = more[0] if more else 200
    pairs = headers.items() if hasattr(headers, "items") else headers or ()
    values = [(name, value if isinstance(value, (list, tuple)) else [value]) for name, value in pairs]
    fields = [(name, each) for name, several in values for each in several]
    # The length is that of what is sent.
    return int(status), [(str(name), str(value)) for name, value in fields if name.lower() != "content-length"], body


def as_bytes(body):
    """The bytes of an answer's body and the content type to use when the handler names none."""
    if body is None:
        return b"", TEXT
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), BYTES
    if isinstance(body, str):
        return body.encode("utf-8", "surrogateescape"), TEXT
    import json

    return json.dumps(body).encode(), JSON


def with_type(fields, content_type):
    named = any(name.lower() == "content-type" for name, _ in fields)
    return fields if named else [*fields, ("Content-Type", content_type)]


def find_entry():
    """What answers requests: the handler's function or application. Ends the process when there is neither."""
    if callable(getattr(handler, "handle", None)):
        return Handle(handler.handle)
    app = getattr(handler, "app", None) or getattr(handler, "application", None)
    if not callable(app):
        sys.exit(f"handler.py has nothing to call: it needs {EXPECTED}")
    if is_asgi(app):
        from _faas_asgi import Asgi

        return Asgi(app)
    from _faas_wsgi import Wsgi

    return Wsgi(app)


def is_asgi(app):
    """Whether an application is called with scope, receive and send, or is WSGI's."""
    codes = [getattr(each, "__code__", None) for each in (app, type(app).__call__)]
    return any(code.co_flags & 0x80 for code in codes if code) or len(parameters(app)) == 3


def guarded(entry):
    """The same, answering 500 when it fails; what was printed is in the log by then."""

    def answer(request):
        try:
            entry(request)
        except ConnectionError:
            request.keep = False  # the caller has gone
        except BadRequest:
            if not request.started:
                raise  # it is the request's fault, and the server says so
            request.keep = False
        except Exception:
            import traceback

            traceback.print_exc()
            if request.started:
                request.keep = False  # all that can still be said
                return
            message = b"the handler failed; see the logs\n"
            request.start(500, [("Content-Type", "text/plain")], message, length=len(message))
        finally:
            sys.stdout.flush()

    return answer


def main():
    # A log that is read while the function runs has to be written while it runs.
    if hasattr(sys.stdout, "reconfigure"):  # a handler may have put something else there
        sys.stdout.reconfigure(line_buffering=True)
    entry = find_entry()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with socket.create_server(("127.0.0.1", int(os.environ.get("PORT") or "8082")), backlog=512) as server:
        answer = guarded(entry)
        try:
            while True:
                connection, _ = server.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=serve_connection, args=(connection, answer), daemon=True).start()
        finally:
            # The watchdog has let every call finish before it sends the signal.
            if hasattr(entry, "close"):
                entry.close()


if __name__ == "__main__":
    main()
