"""The same proxy behind TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.listeners.tls import Certificate
from tests.conformance.proxy.proxy_driver import RunningProxy, get, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import Wire

OpenProxy = Callable[..., RunningProxy]


Make = Callable[[str], None]


@pytest.fixture
def make(tmp_path: Path, tool: Callable[[str], str]) -> Make:
    """Writes a certificate for this machine, issued to a name, and its key."""

    def write(name: str) -> None:
        command = [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
        files = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"]
        subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=30)

    write("first")
    return write


@pytest.fixture
def certificate(make: Make, tmp_path: Path) -> Certificate:
    return Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")


@pytest.fixture
def connect(open_proxy: OpenProxy, certificate: Certificate, tmp_path: Path) -> Callable[[], Wire]:
    """Connections to a proxy with that certificate, by a client that trusts the file's current content."""
    proxy = open_proxy(tls=certificate.context)

    def start() -> Wire:
        client = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        sock = socket.create_connection(("127.0.0.1", proxy.port))
        return Wire(client.wrap_socket(sock, server_hostname="127.0.0.1"))

    return start


def test_calls_over_tls(connect: Callable[[], Wire], replica: Replica):
    client = connect()

    for _ in range(3):
        client.send(get())
        assert client.response().status == 200

    assert replica.saw().get("X-Forwarded-Proto") == "https"
    client.close()


def test_large_body_over_tls(connect: Callable[[], Wire]):
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


def test_changed_certificate_is_served(connect: Callable[[], Wire], certificate: Certificate, make: Make):
    """Open connections keep the previous certificate."""
    before = connect()
    assert not certificate.reload()

    make("second")
    assert certificate.reload()

    after = connect()
    for client, name in ((before, "first"), (after, "second")):
        client.send(get())
        assert client.response().status == 200
        assert isinstance(client.sock, ssl.SSLSocket)
        assert (client.sock.getpeercert() or {})["subject"] == ((("commonName", name),),)
        client.close()


@pytest.mark.parametrize("broken", ["cert.pem", "key.pem"])
def test_unusable_certificate_changes_nothing(
    connect: Callable[[], Wire], certificate: Certificate, tmp_path: Path, broken: str
):
    good = (tmp_path / broken).read_text()
    (tmp_path / broken).write_text("nonsense")
    with pytest.raises(Invalid, match="cannot use the certificate `"):
        certificate.reload()
    (tmp_path / broken).write_text(good)

    client = connect()
    client.send(get())

    assert client.response().status == 200
    client.close()


def test_key_of_another_certificate_is_refused(make: Make, tmp_path: Path):
    key = (tmp_path / "key.pem").read_text()
    make("second")
    (tmp_path / "key.pem").write_text(key)

    with pytest.raises(Invalid, match="key values mismatch"):
        Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")


def test_missing_certificate_is_named(tmp_path: Path):
    with pytest.raises(Invalid, match=r"none\.pem` or its key .*: No such file"):
        Certificate(tmp_path / "none.pem", tmp_path / "key.pem")
