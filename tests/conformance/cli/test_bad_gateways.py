"""Gateways that are slow, and readers that leave; `test_every_command.py` has what all commands share."""

import http.server
import os
import re
import subprocess
import threading
import time
from typing import Any

import pytest

STACK = """version: 1.0
provider:
  name: openfaas
functions:
  fn:
    skip_build: true
    image: fn:latest
"""

LIMITED = {
    "deploy": ["deploy", "-f", "fn.yml", "--timeout", "1s"],
    "login": ["login", "--password-stdin", "--timeout", "1s"],
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers everything the same way."""

    server: Any

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


@pytest.mark.parametrize("name", LIMITED)
def test_a_gateway_that_never_answers(run, name, silent_port):
    """Commands with a limit of their own keep it."""
    begun = time.monotonic()
    done = run(LIMITED[name], silent_port)
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
