"""Ctrl-C in the middle, and places nothing can be written to."""

import os
import pty
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from faas_runtime.images.store import LAYER_TYPE, ImageStore

STACK = "provider: {name: openfaas}\nfunctions:\n  fn: {image: fn, skip_build: true}\n"

WAITING = {
    "list": ["list"],
    "invoke": ["invoke", "fn"],
    "logs": ["logs", "fn"],
    "up": ["up", "-f", "fn.yml"],
    "deploy": ["deploy", "-f", "fn.yml"],
    "dev": ["dev", "-f", "fn.yml"],
}


def modes(descriptor):
    """The terminal's settings, without the queue state that any reader may change."""
    return termios.tcgetattr(descriptor)[:4]


@pytest.mark.parametrize("name", WAITING)
def test_ctrl_c_while_the_gateway_is_silent(client, silent_gateway, name):
    """Exit code 130, no traceback, the terminal as it was, nothing left behind."""
    client.write("fn.yml", STACK)
    client.env["OPENFAAS_URL"] = silent_gateway.url
    master, slave = pty.openpty()
    before = modes(slave)
    with subprocess.Popen(
        [*client.cli, *WAITING[name]],
        cwd=client.folder, env=client.env, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, start_new_session=True,
    ) as process:  # fmt: skip
        silent_gateway.wait_for_a_caller(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
    assert modes(slave) == before
    os.close(slave)
    output = drained(master)
    assert [line for line in output.splitlines() if line.startswith("faas: ")] == ["faas: interrupted"]
    assert "Traceback" not in output
    assert sorted(path.name for path in client.folder.iterdir()) == ["fn.yml"]
    assert not (client.folder.parent / "home" / ".openfaas").exists()


SLOW = """language: python
fprocess: python3 index.py
faas:
  toolchain: python
  images: {build: "python:3.13-slim", runtime: "python:3.13-slim"}
  test: {run: "sleep 300 & echo $! > \\"$FAAS_STATE_DIR/child\\"; echo $$ > \\"$FAAS_STATE_DIR/shell\\"; wait"}
  runtime: {include: [index.py, function]}
"""
SLOW_STACK = """provider: {name: openfaas}
functions:
  one: {lang: slow, handler: ./fn, image: one}
  two: {lang: slow, handler: ./fn, image: two}
"""


@pytest.mark.parametrize("command", ["build", "up", "publish"])
def test_ctrl_c_while_steps_run(client, command):
    """Their processes are killed, the other function does not begin, and no temporary folder and no image is left."""
    client.write("fn.yml", SLOW_STACK.replace("image: ", "image: 127.0.0.1:1/a/"))
    for folder in ("fn", "template/slow/function"):
        (client.folder / folder).mkdir(parents=True)
    client.write("fn/handler.py", "def handle(req):\n    return req\n")
    client.write("template/slow/template.yml", SLOW)
    client.write("template/slow/index.py", "")
    state, scratch = client.folder.parent / "state", client.folder.parent / "scratch"
    state.mkdir()
    scratch.mkdir()
    client.env |= {"FAAS_STATE_DIR": str(state), "TMPDIR": str(scratch)}
    with begun(client, command, "-f", "fn.yml", "--builder", "oci") as process:
        for name in ("child", "shell"):
            wait_until((state / name).exists, process)
        pids = [int((state / name).read_text()) for name in ("child", "shell")]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "faas: interrupted"
    assert err.count("faas: ") == 1
    assert "Building two" not in out
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    assert list(scratch.iterdir()) == []
    assert [path for path in state.rglob("*") if path.name.startswith(("run-", ".new-", "tools-"))] == []
    assert not (state / "images" / "index.json").exists()


def test_ctrl_c_while_a_registry_is_silent(client, silent_gateway):
    """A push ends although its connection still waits; what it had prepared is removed."""
    image = f"{silent_gateway.url.removeprefix('http://')}/acme/fn:1"
    client.write(
        "fn.yml", f"provider: {{name: openfaas}}\nfunctions:\n  fn: {{lang: go, handler: ./fn, image: {image}}}\n"
    )
    state, scratch = client.folder.parent / "state", client.folder.parent / "scratch"
    scratch.mkdir()
    client.env |= {"FAAS_STATE_DIR": str(state), "TMPDIR": str(scratch)}
    store = ImageStore(state / "images")
    with store.new_blob(LAYER_TYPE) as blob:
        blob.write(b"layer" * 1000)
    store.put_image(image, {"architecture": "amd64", "os": "linux", "config": {}}, [blob.descriptor], {})
    with begun(client, "push", "-f", "fn.yml") as process:
        silent_gateway.wait_for_a_caller(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err == "faas: interrupted\n"
    assert list(scratch.iterdir()) == []
    assert list(state.rglob(".new-*")) == []


def begun(client, *arguments):
    """A command that runs, its output in pipes."""
    return subprocess.Popen(
        [*client.cli, *arguments],
        cwd=client.folder, env=client.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip


def wait_until(condition, process=None):
    """Return once it holds; a process that ends before is a failure."""
    deadline = time.monotonic() + 30
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_while_asked_for_a_password(client):
    """The terminal shows what is typed again."""
    master, slave = pty.openpty()
    before = modes(slave)
    with subprocess.Popen(
        [*client.cli, "login"],
        cwd=client.folder, env=client.env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 10
        while modes(slave) == before:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
    assert modes(slave) == before
    os.close(slave)
    assert "Traceback" not in drained(master)


def drained(master):
    """Everything that was written to a terminal whose other side is closed."""
    output = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(master)
    return output.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "arguments",
    [
        ["new", "--lang", "python", "fn"],
        ["template", "new", "mine"],
        ["secret", "generate", "-o", "sub/secret"],
        ["secret", "keygen"],
        ["bashcompletion", "script"],
        ["registry-login", "-u", "a", "--password", "b"],
        ["gateway", "start", "--port", "0", "--metrics-port", "0"],
        ["login", "-p", "secret"],
    ],
    ids=" ".join,
)
def test_places_nothing_can_be_written_to(client, arguments):
    """One line with the place and the system's reason; even root cannot make files in /proc."""
    client.gateway.answers["GET /system/functions"] = (200, [])
    client.folder = Path("/proc/self")
    client.env |= {"HOME": "/proc/nowhere", "FAAS_STATE_DIR": "/proc/nowhere"}
    error = client.run(*arguments, code=1).stderr.decode()
    reported = [line for line in error.splitlines() if line.startswith("faas: ")]
    assert len(reported) == 1, error
    assert "internal error" not in error
