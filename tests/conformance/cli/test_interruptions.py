"""Ctrl-C in the middle, and places nothing can be written to."""

import os
import pty
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

STACK = "provider: {name: openfaas}\nfunctions:\n  fn: {image: fn, skip_build: true}\n"

WAITING = {
    "list": ["list"],
    "invoke": ["invoke", "fn"],
    "logs": ["logs", "fn"],
    "up": ["up", "-f", "fn.yml"],
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
    assert "Traceback" not in output
    assert "internal error" not in output
    assert sorted(path.name for path in client.folder.iterdir()) == ["fn.yml"]
    assert not (client.folder.parent / "home" / ".openfaas").exists()


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
