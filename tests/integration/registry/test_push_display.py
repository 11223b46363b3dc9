"""What `faas push` shows: bars on a terminal, plain lines in a pipe."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from faas_runtime.images.store import ImageStore

from .conftest import make_image

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
STACK = """provider: {{name: openfaas, gateway: http://127.0.0.1:1}}
functions:
  fn: {{lang: python, handler: ./fn, image: "{image}"}}
"""


@pytest.fixture
def push(registry, docker_config, tmp_path):
    """Push a new image of some megabytes: `push(stderr)` returns what is on stdout."""
    state = tmp_path / "state"

    def run(name, stderr):
        image = f"{registry}/acme/{name}:1"
        make_image(ImageStore(state / "images"), image, os.urandom(9_000_000))
        (tmp_path / "stack.yml").write_text(STACK.format(image=image))
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")},
            **{"TERM": "xterm", "FAAS_STATE_DIR": str(state), "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
        }
        script = "from faas_cli.cli import main; main()"
        command = [sys.executable, "-c", script, "push", "-f", "stack.yml"]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=stderr)

    return run


def test_a_terminal_gets_bars(push):
    """With the size of every blob; the lines that stay are those of a pipe."""
    ours, theirs = pty.openpty()
    process = push("terminal", theirs)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    with process.stdout:
        out = process.stdout.read().decode()
    assert process.wait(60) == 0, seen
    assert "Pushing fn" in out
    assert "━" in seen.decode()
    assert "/9.0 MB" in seen.decode()
    assert " pushed" in seen.decode()


def test_a_pipe_gets_lines(push):
    """No bar, no code for a terminal."""
    process = push("pipe", subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"\x1b" not in out + err
    lines = err.decode().splitlines()
    assert [line.split()[-1] for line in lines[:-1]] == ["pushed", "pushed"]
    assert "sha256:" in lines[-1]


def test_a_folder_that_cannot_be_written(push, tmp_path):
    """One line that names it."""
    (tmp_path / "state/build").mkdir(parents=True)
    (tmp_path / "state/build/compressed").touch()
    process = push("nowhere", subprocess.PIPE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = err.decode().splitlines()
    assert line.startswith("faas: ")
    assert line.endswith(f"was not pushed: File exists: `{tmp_path}/state/build/compressed`")
