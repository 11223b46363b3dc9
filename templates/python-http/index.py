"""Serves the handler over HTTP on 127.0.0.1:$PORT (8082 unless set), behind the watchdog."""

import json
import os
import signal
import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent / "packages"))

from function import handler  # (the line above makes its dependencies importable)


class Event:
    """One request, as the handler sees it."""

    def __init__(self, request, body):
        url = urlsplit(request.path)
        self.body = body
        self.headers = request.headers
        self.method = request.command
        self.path = url.path
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))


class Context:
    """Where the function runs."""

    hostname = socket.gethostname()


def as_bytes(body):
    """The bytes of an answer's body and the content type to use when the handler names none."""
    if body is None:
        return b"", "text/plain; charset=utf-8"
    if isinstance(body, (bytes, bytearray)):
        return bytes(body), "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return json.dumps(body).encode(), "application/json"


def normalise(answer):
    """Status, headers and body of whatever the handler returned."""
    if isinstance(answer, dict) and ("statusCode" in answer or "body" in answer):
        headers = dict(answer.get("headers") or {})
        status, body = int(answer.get("statusCode", 200)), answer.get("body")
    elif isinstance(answer, tuple):
        body, status, headers = (*answer, *(200, {})[len(answer) - 1 :])
        headers = dict(headers)
    else:
        status, headers, body = 200, {}, answer
    content, content_type = as_bytes(body)
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    return status, headers, content


class Request(BaseHTTPRequestHandler):
    """One connection from the watchdog; it is kept alive between requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def answer(self):
        try:
            status, headers, content = normalise(handler.handle(Event(self, self.read_body()), Context))
        except Exception:
            traceback.print_exc()
            status, headers, content = 500, {"Content-Type": "text/plain"}, b"the handler failed; see the logs\n"
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def version_string(self):
        return "faas"

    def log_message(self, *args):
        """The gateway counts calls; a line for each would drown the handler's own."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def main():
    server = Server(("127.0.0.1", int(os.environ.get("PORT") or "8082")), Request)
    # `shutdown` waits for the serving loop, so it cannot run inside a signal's handler.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
