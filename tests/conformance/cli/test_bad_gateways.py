"""Every command that speaks with a gateway, against gateways that misbehave.

Clear words, the right code, nothing left behind.
The gateway here is a stand-in: no real one can be made to answer with HTML, or never.
"""

import http.server
import os
import re
import subprocess
import threading
import time

import pytest

STACK = """version: 1.0
provider:
  name: openfaas
functions:
  fn:
    skip_build: true
    image: fn:latest
"""

COMMANDS = {
    "deploy": ["deploy", "-f", "fn.yml", "--timeout", "1s"],
    "list": ["list"],
    "describe": ["describe", "fn"],
    "remove": ["remove", "fn"],
    "remove all": ["remove", "-f", "fn.yml"],
    "invoke": ["invoke", "fn"],
    "logs": ["logs", "fn", "--tail=false"],
    "scale": ["scale", "fn", "2"],
    "ready": ["ready", "fn", "--attempts", "1"],
    "diff": ["diff", "-f", "fn.yml"],
    "login": ["login", "--password-stdin", "--timeout", "1s"],
    "secret create": ["secret", "create", "a", "--from-literal", "b"],
    "secret update": ["secret", "update", "a", "--from-literal", "b"],
    "secret list": ["secret", "list"],
    "secret remove": ["secret", "remove", "a"],
    "namespace list": ["namespace", "list"],
    "namespace get": ["namespace", "get", "a"],
    "namespace create": ["namespace", "create", "a"],
    "namespace remove": ["namespace", "remove", "a"],
    "version": ["version", "--json"],
}

HTML = b"<html><body>It works!</body></html>"
ANSWERS = {
    "unauthorized": (401, b"invalid credentials"),
    "not found": (404, b"not found"),
    "broken": (500, b"the disk is on fire"),
    "bad gateway": (502, b""),
    "somebody else": (200, HTML),
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything the same way."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args): ...


@pytest.fixture(scope="module")
def server():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def run(cli, tmp_path):
    """Run a command in an empty folder with a stack file, against a gateway."""
    (tmp_path / "home").mkdir()
    project = tmp_path / "project"
    project.mkdir()
    (project / "fn.yml").write_text(STACK)
    env = {**os.environ, "HOME": str(tmp_path / "home"), "NO_COLOR": "1"}
    for name in ("OPENFAAS_CONFIG", "CI"):
        env.pop(name, None)

    def command(arguments, port, timeout=30):
        env["OPENFAAS_URL"] = f"http://127.0.0.1:{port}"
        done = subprocess.run(
            [*cli, *arguments], cwd=project, env=env, input=b"body", capture_output=True, timeout=timeout, check=False
        )
        assert b"Traceback" not in done.stderr + done.stdout
        # Nothing is left behind: not a file here, not credentials nobody has accepted.
        assert sorted(path.name for path in project.iterdir()) == ["fn.yml"]
        assert not (tmp_path / "home" / ".openfaas").exists()
        return done

    return command


def reason(done):
    """The one line that says what is wrong."""
    lines = re.findall(r"^faas: .+", done.stderr.decode(), re.MULTILINE)
    assert lines, done
    return lines[0]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_gateway_that_refuses(server, run, name, answer):
    """Exit code 1 and the gateway's own words, or what to do."""
    server.answer = ANSWERS[answer]
    done = run(COMMANDS[name], server.server_port)
    harmless = {"deploy", "remove", "remove all", "invoke", "scale", "secret create", "secret update", "secret remove",
                "namespace create", "namespace remove", "logs"}  # fmt: skip
    if answer == "somebody else" and name in harmless:
        return  # a 200 is all these ask for
    assert done.returncode == 1, done
    words = reason(done)
    if answer == "unauthorized" and name != "invoke":
        assert "asks for a user and a password" in words or "did not accept" in words
        assert "faas login" in done.stderr.decode()
    if answer == "broken":
        assert "the disk is on fire" in done.stderr.decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_listens(run, name, unused_port):
    """The address, and how to start one."""
    done = run(COMMANDS[name], unused_port)
    assert done.returncode == 1
    assert f"127.0.0.1:{unused_port}" in done.stderr.decode()


@pytest.mark.parametrize("name", ["login", "deploy"])
def test_a_gateway_that_never_answers(run, name, silent_port):
    """Commands with a limit of their own keep it."""
    begun = time.monotonic()
    done = run(COMMANDS[name], silent_port)
    assert done.returncode == 1
    assert "did not answer within 1 s" in reason(done)
    assert time.monotonic() - begun < 10


def test_a_reader_that_leaves(cli, server, tmp_path):
    """`faas list | head -1` ends in silence."""
    server.answer = (
        200,
        b"[" + b",".join(b'{"name":"f%d","image":"i","createdAt":"x"}' % n for n in range(20000)) + b"]",
    )
    shell = f"{' '.join(map(repr, cli))} list | head -1"
    env = {**os.environ, "OPENFAAS_URL": f"http://127.0.0.1:{server.server_port}", "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", shell], env=env, capture_output=True, cwd=tmp_path, check=False)
    assert done.stdout.startswith(b"Function")
    assert done.stderr == b""
