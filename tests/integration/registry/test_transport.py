"""How blobs and requests travel: whole or in chunks, by TLS or not, through a proxy."""

import hashlib
import http.server
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from faas_cli.registry import silence
from faas_cli.registry.client import Registry
from faas_cli.registry.errors import RegistryError
from faas_cli.registry.push import Push

from .conftest import make_image, write_docker_config

pytestmark = pytest.mark.integration


class Recorded(http.server.BaseHTTPRequestHandler):
    """Remembers requests; answers as its server's `reply` says."""

    protocol_version = "HTTP/1.1"
    server: Any

    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path.partition("?")[0], len(body)))
        status, headers, content = self.server.reply(self, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_PATCH = _any

    def log_message(self, *arguments): ...


@pytest.fixture
def serve():
    """Start a server that answers by a function; `serve(reply, context)` returns it."""
    servers = []

    def start(reply, context=None):
        server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
        server.requests, server.reply = [], reply
        server.host = f"127.0.0.1:{server.server_port}"
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.thread = threading.Thread(target=server.serve_forever, daemon=True)
        server.thread.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def blob(tmp_path):
    """A small blob: its digest and its file."""
    path = tmp_path / "blob"
    path.write_bytes(b"small")
    return f"sha256:{hashlib.sha256(b'small').hexdigest()}", path


def test_a_small_blob_is_one_request_where_the_registry_takes_it(serve, blob):
    """A stand-in that does what the specification leaves to a registry: 201 for a POST with the content in it."""
    server = serve(lambda request, body: (201, {"Location": "/x"}, b""))
    sent = []
    digest, path = blob
    Registry(server.host, push=True).upload("acme/fn", digest, path, sent.append)
    assert [each for each in server.requests if each[0] != "GET"] == [("POST", "/v2/acme/fn/blobs/uploads/", 5)]
    assert sent == [5]


def test_a_registry_that_takes_none_in_one_request(serve, blob):
    """One request is tried once; from then on each blob takes two."""

    def reply(request, body):
        return (202, {"Location": "/up?state=1"}, b"") if request.command == "POST" else (201, {}, b"")

    server = serve(reply)
    registry = Registry(server.host, push=True)
    registry.upload("acme/fn", *blob)
    registry.upload("acme/fn", *blob)
    assert [each for each in server.requests if each[0] != "GET"] == [
        ("POST", "/v2/acme/fn/blobs/uploads/", 5),
        ("PUT", "/up", 5),
        ("POST", "/v2/acme/fn/blobs/uploads/", 0),
        ("PUT", "/up", 5),
    ]


def test_a_registry_that_forgot_the_upload_gets_chunks(serve, blob):
    """What one way fails with is tried in the other."""

    def reply(request, body):
        if request.command == "PUT" and body:
            return 404, {}, b""
        return (202 if request.command in ("POST", "PATCH") else 201), {"Location": "/up"}, b""

    server = serve(reply)
    Registry(server.host, push=True).upload("acme/fn", *blob)
    assert ("PATCH", "/up", 5) in server.requests
    assert server.requests[-1] == ("PUT", "/up", 0)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (200, {"Content-Type": "text/html"}, r"answered 200 \(text/html\) instead of 201"),
        (201, {"Docker-Content-Digest": "sha256:other"}, "stored the manifest as sha256:other"),
    ],
)
def test_a_manifest_that_was_not_stored(serve, status, headers, words):
    """A server that accepts everything, or stores something else, is not believed."""
    server = serve(lambda request, body: (status, headers, b""))
    with pytest.raises(RegistryError, match=words):
        Registry(server.host, push=True).put_manifest("acme/fn", "1", b"{}", "application/json")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            403,
            b'{"errors": [{"code": "DENIED", "message": "quota is used up"}]}',
            "for `acme/fn`: DENIED quota is used up",
        ),
        (429, b'{"errors": [{"code": "TOOMANYREQUESTS"}]}', "refused: TOOMANYREQUESTS"),
        (400, b"[]", "refused: status 400"),
        (400, b'{"errors": []}', "refused: status 400"),
    ],
)
def test_the_registrys_own_words(serve, status, body, words):
    """Its code and message reach the user."""
    server = serve(lambda request, _: (status, {}, body))
    with pytest.raises(RegistryError, match=words):
        Registry(server.host, push=True).put_manifest("acme/fn", "1", b"{}", "application/json")


def test_a_real_registry_has_it_whole(registry, docker_config, blob, tmp_path):
    """And gives it back."""
    remote = Registry(registry, push=True)
    remote.upload("acme/whole", *blob)
    remote.fetch_blob("acme/whole", blob[0], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"small"


def test_progress_is_reported(registry, docker_config, store, tmp_path):
    """For the layer that is compressed and for every blob that is sent, up to its size."""
    image = f"{registry}/acme/progress:1"
    make_image(store, image, bytes(range(256)) * 40_000)
    heard = {}
    Push(
        store,
        tmp_path / "cache",
        image,
        blob_progress=lambda blob, done, size: heard.setdefault(blob, []).append((done, size)),
    ).run()
    assert len(heard) == 3
    for steps in heard.values():
        assert steps[-1][0] == steps[-1][1]
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)


@pytest.fixture
def certificate(tool, tmp_path):
    """A server's TLS settings with a self-signed certificate."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "1", "-subj", "/CN=registry"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_an_insecure_registry_that_speaks_tls(serve, certificate):
    """Is spoken to by TLS, whatever its certificate."""
    server = serve(lambda request, body: (200, {}, b""), certificate)
    assert Registry(server.host).has_blob("acme/fn", "sha256:0")


def test_any_other_must_prove_who_it_is(serve, certificate, monkeypatch):
    """One line, no connection without."""
    monkeypatch.setattr("faas_cli.registry.transport.is_insecure", lambda host: False)
    server = serve(lambda request, body: (200, {}, b""), certificate)
    with pytest.raises(RegistryError, match=r"has an invalid certificate: self") as caught:
        Registry(server.host).has_blob("acme/fn", "sha256:0")
    assert "\n" not in caught.value.message
    assert server.requests == []


def test_through_the_proxy(registry, docker_config, serve, blob, tmp_path, monkeypatch):
    """A stand-in proxy that knows where the name leads: every request of an upload goes through it."""

    def forward(request, body):
        target = request.path.replace("http://registry.invalid:5000", f"http://{registry}")
        asked = urllib.request.Request(target, data=body or None, method=request.command)
        for name in ("Authorization", "Content-Type", "Content-Range", "Accept"):
            if name in request.headers:
                asked.add_header(name, request.headers[name])
        asked.add_header("Host", "registry.invalid:5000")
        try:
            answer = direct.open(asked)
        except urllib.error.HTTPError as err:
            answer = err
        kept = ("Location", "Www-Authenticate", "Range", "Content-Type")
        headers = {name: answer.headers[name] for name in kept if name in answer.headers}
        return answer.status, headers, b"" if request.command == "HEAD" else answer.read()

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    proxy = serve(forward)
    monkeypatch.setenv("FAAS_INSECURE_REGISTRIES", "registry.invalid:5000")
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy.host}")
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    write_docker_config(docker_config, "registry.invalid:5000")
    remote = Registry("registry.invalid:5000", push=True)
    remote.upload("acme/proxied", *blob)
    assert remote.has_blob("acme/proxied", blob[0])
    assert {path.partition("/v2/")[0] for _, path, _ in proxy.requests} == {"http://registry.invalid:5000"}


def test_a_silent_registry(serve, blob, monkeypatch):
    """One line while there is no answer, an error at the end; and it is not tried again."""
    monkeypatch.setattr(silence, "SILENCE_SECONDS", 0.1)
    release = threading.Event()

    def reply(request, body):
        if request.path != "/v2/":
            release.wait(20)
        return 200, {}, b""

    server = serve(reply)
    said = []
    registry = Registry(server.host, timeout=0.6, waiting=said.append)
    with pytest.raises(RegistryError, match="stopped answering: no byte came before the timeout") as caught:
        registry.has_blob("acme/fn", blob[0])
    release.set()
    assert said == [f"the registry {server.host} has not answered for 0 s; the request fails after 1 s"]
    assert "\n" not in caught.value.message
    assert [each[0] for each in server.requests if each[1] != "/v2/"] == ["HEAD"]


def test_a_registry_that_falls_silent_in_a_download(serve, blob, tmp_path, monkeypatch):
    """As one that does not answer at all."""
    monkeypatch.setattr(silence, "SILENCE_SECONDS", 0.1)
    said = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsm")
                connection.recv(1)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        registry = Registry(host, timeout=0.5, waiting=said.append)
        registry._transport._base = f"http://{host}"
        with pytest.raises(RegistryError, match="stopped answering"):
            registry.fetch_blob("acme/fn", blob[0], tmp_path / "target")
    assert len(said) == 1
    assert not (tmp_path / "target").exists()
    thread.join(10)
