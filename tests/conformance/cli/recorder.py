"""A gateway stand-in that records requests and returns configured responses."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROCESS_INFO = {"provider": {"provider": "faas-process", "version": {}, "orchestration": "process"}, "version": {}}
"""What a gateway of this project with the process engine tells at `/system/info`."""


@dataclass
class Request:
    """What came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    fields: Sequence[tuple[str, str]] = ()
    """Every header, also those of the same name; text is decoded as UTF-8."""

    @property
    def json(self):
        """The body's value."""
        return json.loads(self.body)

    def __str__(self):
        return f"{self.method} {self.target}"


@dataclass
class Recorder:
    """Requests in the order they came; `answers` maps `METHOD PATH` to status, body, or a list of them to use up.

    Any other request gets the answer `other`.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    other: tuple[Any, ...] = (200, b"")
    url: str = ""

    @property
    def lines(self):
        """Each request as `METHOD TARGET`."""
        return [str(request) for request in self.requests]

    def answer_to(self, request: Request):
        """Status, body and headers for a request."""
        key = f"{request.method} {request.target.partition('?')[0]}"
        answer = self.answers.get(key, self.other)
        if isinstance(answer, list):
            answer = answer.pop(0)
        status, body, *headers = answer
        return status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers[0] if headers else {}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Any
    protocol_version = "HTTP/1.1"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self) -> None:
        recorder = self.server.recorder
        fields = [(name, value.encode("latin-1").decode()) for name, value in self.headers.items()]
        request = Request(self.command, self.path, dict(self.headers.items()), self._body(), fields)
        recorder.requests.append(request)
        status, body, headers = recorder.answer_to(request)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

    def log_message(self, *args): ...


@contextlib.contextmanager
def recording(answers: Mapping[str, Any] | None = None) -> Iterator[Recorder]:
    """A recorder with these answers, which serves on a free port until the end of the block."""
    recorder = Recorder({**(answers or {})})
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.recorder = recorder
    recorder.url = f"http://127.0.0.1:{server.server_port}"
    # The poll interval is how long `shutdown` takes.
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
