"""Gateways that are slow, and readers that leave; `test_every_command.py` has what all commands share."""

import os
import re
import subprocess
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

LIMITED = {
    "deploy": ["deploy", "-f", "fn.yml", "--timeout", "1s"],
    "login": ["login", "--password-stdin", "--timeout", "1s"],
}


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


def test_a_reader_that_leaves(cli, same_answer, tmp_path):
    """`faas list | head -1` ends in silence."""
    same_answer.other = (
        200,
        b"[" + b",".join(b'{"name":"f%d","image":"i","createdAt":"x"}' % n for n in range(20000)) + b"]",
    )
    shell = f"{' '.join(map(repr, cli))} list | head -1"
    env = {**os.environ, "OPENFAAS_URL": same_answer.url, "HOME": str(tmp_path)}
    done = subprocess.run(["sh", "-c", shell], env=env, capture_output=True, cwd=tmp_path, check=False)
    assert done.stdout.startswith(b"Function")
    assert done.stderr == b""
