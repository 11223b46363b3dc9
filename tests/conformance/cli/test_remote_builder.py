"""Builds on another machine, against a small stand-in for OpenFaaS's builder, which is not a public program.

It checks what the contract says of a request (signature, archive, sealed secrets) and returns configured responses.
"""

import base64
import hashlib
import hmac
import http.server
import io
import json
import tarfile
import threading
from typing import Any

import pytest

from faas_cli.stack.sealing import make_keys, unseal

SECRET = "s3cret"
STACK = """provider: {name: openfaas}
functions:
  fn:
    lang: dockerfile
    handler: ./fn
    image: registry.example/acme/fn:1
    build_args: {A: b}
"""
GOOD = [
    {"log": ["step 1", "step 2"], "status": "in_progress"},
    {"log": ["pushed"], "image": "registry.example/acme/fn:1", "status": "success"},
]


class Builder(http.server.BaseHTTPRequestHandler):
    """Keeps the archive of a request that is signed well."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self):
        key = {"key_id": self.server.public[:8], "algorithm": "nacl/box", "public_key": self.server.public}
        self.answer(200 if self.path == "/publickey" else 404, json.dumps(key).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        expected = f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
        if self.path != "/build" or self.headers["X-Build-Signature"] != expected:
            self.answer(401, b"the signature is wrong")
            return
        self.server.archive = tarfile.open(fileobj=io.BytesIO(body))
        assert self.headers["Accept"] == "application/x-ndjson"
        self.answer(self.server.status, b"".join(json.dumps(each).encode() + b"\n" for each in self.server.messages))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args): ...


@pytest.fixture
def builder(client):
    """The stand-in, and a project that is built by it."""
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Builder)
    server.status, server.messages = 200, GOOD
    server.private, server.public = make_keys()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    (client.folder / "fn").mkdir()
    client.write("fn/Dockerfile", 'FROM scratch\nCMD ["/app"]\n')
    client.write("stack.yml", STACK)
    client.write("payload.txt", f"{SECRET}\n")
    client.env["OPENFAAS_PAYLOAD_SECRET"] = "payload.txt"
    # Only scheme and host count.
    client.env["OPENFAAS_REMOTE_BUILDER"] = f"http://127.0.0.1:{server.server_port}/some/path"
    client.env["FAAS_STATE_DIR"] = str(client.folder.parent / "state")
    yield server
    server.shutdown()
    server.server_close()


def config(builder):
    return json.loads(builder.archive.extractfile("com.openfaas.docker.config").read())


def test_a_build(client, builder):
    """The context with its watchdog, what to build, the log as it comes; no engine, and nothing to push."""
    done = client.run("build", "-f", "stack.yml")
    assert config(builder) == {"image": "registry.example/acme/fn:1", "buildArgs": {"A": "b"}}
    names = builder.archive.getnames()
    assert names[0] == "context"
    assert names[-1] == "com.openfaas.docker.config"
    assert b"fwatchdog" in builder.archive.extractfile("context/Dockerfile").read()
    assert {entry.uid for entry in builder.archive.getmembers()} == {0}
    output = (done.stdout + done.stderr).decode()
    assert "step 1" in output
    assert "builder: remote" in output
    assert b"step 1" not in client.run("build", "-f", "stack.yml", "--quiet").stdout


def test_publishing_says_for_which_platforms(client, builder):
    """All of them in one request."""
    builder.status = 202
    client.run("publish", "-f", "stack.yml", "--platforms", "linux/amd64,linux/arm64")
    assert config(builder)["platforms"] == ["linux/amd64", "linux/arm64"]


def test_up_does_not_push(client, builder):
    """The builder has; what comes next is the deployment."""
    client.run("up", "-f", "stack.yml")
    assert client.gateway.lines[-1].endswith("/system/functions")


@pytest.mark.parametrize("how", ["asked", "file", "literal"])
def test_build_secrets_are_sealed(client, builder, how):
    """For the builder's key, from wherever that is; their text is nowhere in the archive."""
    client.write("token.txt", "hidden words")
    client.write("stack.yml", STACK + "    build_secrets: {token: token.txt}\n")
    if how == "file":
        client.write("key.pub", json.dumps({"public_key": builder.public}))
        client.env["OPENFAAS_BUILDER_PUBLIC_KEY"] = "key.pub"
    elif how == "literal":
        client.env["OPENFAAS_BUILDER_PUBLIC_KEY"] = builder.public
    client.run("build", "-f", "stack.yml")
    sealed = builder.archive.extractfile("com.openfaas.secrets").read().decode()
    assert unseal(builder.private, sealed) == {"token": b"hidden words"}
    assert not any(
        b"hidden words" in builder.archive.extractfile(entry).read() for entry in builder.archive if entry.isreg()
    )


FAILURES = {
    "failed": ([{"log": ["no compiler"], "status": "failed", "error": "exit code 1"}], 200, "exit code 1"),
    "broken off": ([{"log": ["step 1"], "status": "in_progress"}], 200, "gave no result"),
    "something else": ([], 500, "answered 500"),
    "no map": ([1], 200, "cannot be read"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_builder_that_fails(client, builder, name):
    """Exit code 1 and the builder's error."""
    builder.messages, builder.status, words = FAILURES[name]
    assert words in client.run("build", "-f", "stack.yml", code=1).stderr.decode()


def test_another_secret(client, builder):
    """Is refused by the builder; the hint says where to look."""
    client.write("payload.txt", "wrong")
    errors = client.run("build", "-f", "stack.yml", code=1).stderr
    assert b"the signature is wrong" in errors
    assert b"check `--payload-secret`: it must be the builder's secret" in errors


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--no-cache"], b"a remote builder does not support `--no-cache`"),
        (["--builder", "oci"], b"exclude each other"),
        (["--remote-builder", "ftp://x"], b"is not an http(s) address"),
        (["--payload-secret", ""], b"needs `--payload-secret FILE`"),
    ],
)
def test_what_does_not_go_together(client, builder, flags, words):
    """Contradictory flags fail before anything is sent."""
    assert words in client.run("build", "-f", "stack.yml", *flags, code=2).stderr


@pytest.mark.parametrize("key", ["short", base64.b64encode(b"x" * 31).decode(), '{"algorithm": "rot13"}', "{"])
def test_what_is_no_key(client, builder, key):
    """Nothing is sealed for it."""
    client.write("token.txt", "x")
    client.write("stack.yml", STACK + "    build_secrets: {token: token.txt}\n")
    assert b"faas: " in client.run("build", "-f", "stack.yml", "--builder-public-key", key, code=1).stderr
