"""Mode http with a function that is asked by TLS: its connections are kept, and its name is checked."""

from __future__ import annotations

import http.server
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was asked."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Function

    def do_POST(self) -> None:
        body = b"got " + self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Function(http.server.ThreadingHTTPServer):
    """`calls` holds the client's port of every call: as many as there were connections."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[int] = []
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        with self.context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, *args: object) -> None:
        """A client that does not like the certificate is no trouble of ours."""

    def url(self, host: str) -> str:
        return f"https://{host}:{self.server_address[1]}"


@pytest.fixture
def certificate(tmp_path: Path, tool) -> Path:
    """For `localhost`, and for no other name."""
    key, path = tmp_path / "key", tmp_path / "certificate"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    name = "subjectAltName=DNS:localhost"
    command = [tool("openssl"), *request.split(), "-addext", name, "-keyout", key, "-out", path]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Function]:
    with Function(certificate, certificate.with_name("key")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_one_connection_carries_call_after_call(start, secure, certificate):
    env = {"upstream_url": secure.url("localhost"), "SSL_CERT_FILE": str(certificate)}
    watchdog = start("sleep 1000", mode="http", **env)

    with watchdog.converse() as talk:
        request = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b"
        answers = [talk.ask(request % (len(body), body)).body for body in (b"one", b"two" * 10_000, b"three")]

    assert answers == [b"got one", b"got " + b"two" * 10_000, b"got three"]
    assert len(secure.calls) == 3
    assert len(set(secure.calls)) == 1


@pytest.mark.parametrize("trusted", [False, True])
def test_certificate_of_another_is_refused(start, secure, certificate, trusted):
    """Signed by nobody who is trusted, or for another name than the one that is asked."""
    env = {"upstream_url": secure.url("127.0.0.1" if trusted else "localhost")}
    if trusted:
        env["SSL_CERT_FILE"] = str(certificate)
    watchdog = start("sleep 1000", mode="http", **env)

    assert watchdog.call("POST", "/x", b"hello").status == 500
    assert "certificate" in watchdog.log
    assert secure.calls == []
