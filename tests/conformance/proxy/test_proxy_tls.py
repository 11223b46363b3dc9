"""The same door behind TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from door_driver import Door, get, post
from replica import Replica
from wire import Wire

OpenDoor = Callable[..., Door]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]) -> Path:
    """A certificate for this machine, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=door", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=30)
    cert.write_text(cert.read_text() + key.read_text())
    return cert


@pytest.fixture
def connect(open_door: OpenDoor, certificate: Path) -> Callable[[], Wire]:
    """Connections to a door with that certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    door = open_door(tls=server)
    client = ssl.create_default_context(cafile=str(certificate))

    def start() -> Wire:
        sock = socket.create_connection(("127.0.0.1", door.port))
        return Wire(client.wrap_socket(sock, server_hostname="127.0.0.1"))

    return start


def test_calls_come_through_tls(connect: Callable[[], Wire], replica: Replica):
    client = connect()

    for _ in range(3):
        client.send(get())
        assert client.response().status == 200

    assert replica.saw().get("X-Forwarded-Proto") == "https"
    client.close()


def test_large_body_comes_through_tls(connect: Callable[[], Wire]):
    client = connect()
    body = bytes(range(256)) * 20_000

    client.send(post(body))

    assert client.response().body == body
    client.close()


def test_refusal_reaches_a_tls_client(connect: Callable[[], Wire]):
    client = connect()

    client.send(b"nonsense\r\n\r\n")

    assert client.response().status == 400
    assert client.ended()


def test_plain_request_on_the_tls_port_is_closed(connect: Callable[[], Wire], replica: Replica):
    port = connect().sock.getpeername()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(get())
        try:
            answer = sock.recv(1024)
        except ConnectionResetError:
            answer = b""

    assert b"HTTP/" not in answer
    assert replica.saw_nothing()
