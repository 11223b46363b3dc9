"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY between the watchdog and what it asks that is not on this machine."""

from __future__ import annotations

import base64
import http.server
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.watchdog.watchdog_driver import eventually

ELSEWHERE = "http://function.invalid:8080/base"  # a name that nobody can look up


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; opens tunnels to the server's `tunnel`, or refuses them."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_POST(self) -> None:
        self.server.asked.append((self.requestline, self.headers.get("Proxy-Authorization", "")))
        body = b"got " + self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.requestline, self.headers.get("Proxy-Authorization", "")))
        if self.server.tunnel is None:
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        secure = self.server.tunnel.wrap_socket(self.connection, server_side=True)
        self.server.process_request(secure, self.client_address)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []
        self.tunnel: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.server_address[1]}"

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """A tunnel ends with its own handler, not with the one that has opened it."""
        if request.fileno() >= 0:
            super().shutdown_request(request)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


AUTH = "Basic " + base64.b64encode(b"user:secret").decode()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_function_elsewhere_is_asked_through_the_proxy(start, proxy, name):
    watchdog = start("sleep 1000", mode="http", upstream_url=ELSEWHERE, **{name: proxy.url})

    answers = [watchdog.call("POST", "/x?q", b"hello", Proxy_Authorization="theirs").text for _ in range(2)]

    assert answers == ["got hello"] * 2
    assert proxy.asked == [("POST http://function.invalid:8080/base/x?q HTTP/1.1", AUTH)] * 2


def test_hosts_of_no_proxy_are_asked_directly(start, proxy):
    env = {"HTTP_PROXY": proxy.url, "NO_PROXY": "function.invalid"}
    watchdog = start("sleep 1000", mode="http", upstream_url=ELSEWHERE, exec_timeout="300ms", **env)

    assert watchdog.call(body="hello").status == 504
    assert proxy.asked == []


def test_this_machine_is_never_asked_through_the_proxy(start, proxy, launch):
    function = Proxy()
    with function:
        threading.Thread(target=function.serve_forever, daemon=True).start()
        near = f"http://127.0.0.1:{function.server_address[1]}"
        watchdog = start("sleep 1000", mode="http", upstream_url=near, HTTP_PROXY=proxy.url)

        assert watchdog.call("POST", "/x", b"hello").text == "got hello"
        function.shutdown()
    assert proxy.asked == []


def test_tunnel_carries_https(start, proxy, tool, tmp_path: Path):
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=function.invalid"
    name = "subjectAltName=DNS:function.invalid"
    command = [tool("openssl"), *request.split(), "-addext", name, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    proxy.tunnel = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    proxy.tunnel.load_cert_chain(certificate, key)
    env = {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(certificate)}
    watchdog = start("sleep 1000", mode="http", upstream_url="https://function.invalid/base", **env)

    assert watchdog.call("POST", "/x", b"hello").text == "got hello"
    # What goes through the tunnel is not the proxy's business, nor is its password the function's.
    assert proxy.asked == [("CONNECT function.invalid:443 HTTP/1.1", AUTH), ("POST /base/x HTTP/1.1", "")]


def test_refused_tunnel_is_reported_without_the_password(start, proxy):
    watchdog = start("sleep 1000", mode="http", upstream_url="https://function.invalid", HTTPS_PROXY=proxy.url)

    assert watchdog.call(body="hello").status == 500
    eventually("it is logged", lambda: "answers 403" in watchdog.log)
    assert "secret" not in watchdog.log


def test_proxy_that_is_no_address_is_refused(launch):
    watchdog = launch("sleep 1000", mode="http", upstream_url=ELSEWHERE, HTTP_PROXY="socks5://me:secret@x:1")

    assert watchdog.exit_code() == 1
    assert "`HTTP_PROXY` is not the address of an HTTP proxy" in watchdog.log
    assert "secret" not in watchdog.log
