"""A control API with an address of its own: what is at which, with and without workers."""

import http.client
import socket
from urllib.parse import urlsplit

import pytest


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def ask(port, method, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, b"x" if method == "POST" else None, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_functions_have_no_control_api_beside_them(gateway, workers):
    """At the functions' address there is nothing else, and pages are whole; the control address has everything."""
    gateway.stop()
    functions, control = free_port(), free_port()
    gateway.options += ["--port", str(functions), "--control-port", str(control), "--workers", str(workers)]
    gateway.start()
    assert urlsplit(gateway.url).port == control
    assert gateway.deploy("echo").status == 202
    admin = {"Authorization": gateway.authorization()}
    for path in ("/system/functions", "/ui/", "/", "/openapi.json", "/system/info"):
        assert ask(functions, "GET", path, admin)[0] == 404, path
    status, body, headers = ask(functions, "POST", "/function/echo")
    assert (status, body, headers["Content-Security-Policy"]) == (200, b"x", None)
    assert ask(functions, "POST", "/async-function/echo")[0] == 202
    assert ask(functions, "GET", "/healthz")[0] == 200
    status, body, headers = ask(control, "POST", "/function/echo")
    assert (status, headers["Content-Security-Policy"][:8]) == (200, "sandbox ")
    assert ask(control, "GET", "/system/functions", admin)[0] == 200
    assert ask(control, "GET", "/system/functions")[0] == 401
