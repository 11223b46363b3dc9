"""`faas dev`, `doctor` and plugins, as a person uses them."""

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import threading
import time
from pathlib import Path

import pytest

from .conftest import Shell

pytestmark = pytest.mark.e2e


class Running:
    """A command that goes on, and what it has printed so far."""

    def __init__(self, shell: Shell, *arguments: str) -> None:
        self.process = subprocess.Popen(
            ["faas", *arguments], cwd=shell.folder, env=shell.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.output = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.output += data.decode("utf-8", "replace")

    def until(self, text: str, times: int = 1, patience: float = 120) -> None:
        deadline = time.monotonic() + patience
        while self.output.count(text) < times:
            assert time.monotonic() < deadline, self.output
            assert self.process.poll() is None, self.output
            time.sleep(0.01)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@pytest.mark.parametrize("lang", ["go", "python", "node"])
def test_a_change_is_live_and_a_mistake_is_not(gateway, lang):
    """An edit is deployed; after a broken one the last good version keeps answering until it is fixed."""
    gateway.faas("new", "--lang", lang, "fn")
    handler = next((gateway.folder / "fn").glob("handler.[gpj]*"))
    for test in (gateway.folder / "fn").glob("handler[_.]test.*"):
        test.unlink()
    dev = Running(gateway, "dev", "-f", "fn.yml", "--builder", "oci")
    try:
        dev.until("watching")
        good = handler.read_text()
        handler.write_text(good.replace("You said", "You wrote"))
        dev.until("fn is live", 2)
        assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You wrote: x")
        if lang == "go":
            handler.write_text("package function\n\nnonsense\n")
            dev.until("does not compile")
            assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You wrote: x")
        handler.write_text(good)
        dev.until("fn is live", 3)
        assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You said: x")
    finally:
        assert dev.interrupt() in (0, 130)


def test_an_edit_whose_tests_fail_is_served_and_shown(gateway):
    """The loop prints the failure and serves the edit: an edit often comes before its test."""
    gateway.faas("new", "--lang", "python", "fn")
    handler = gateway.folder / "fn" / "handler.py"
    dev = Running(gateway, "dev", "-f", "fn.yml", "--builder", "oci")
    try:
        dev.until("watching")
        handler.write_text(handler.read_text().replace("{req}", "nothing"))
        dev.until("fn is live", 2)
        assert "the tests of `fn` fail" in dev.output
        assert "AssertionError" in dev.output
        assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You said: nothing")
        handler.write_text("def handle(req)\n    return 1\n")
        dev.until("expected ':'")
        assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You said: nothing")
    finally:
        assert dev.interrupt() in (0, 130)


def test_doctor(shell):
    """All checks run quickly; each missing part has a hint."""
    begun = time.monotonic()
    findings = json.loads(shell.faas("doctor", "--json", check=False).stdout)
    assert time.monotonic() - begun < 10
    subjects = {finding["subject"]: finding["state"] for finding in findings}
    compiles = shutil.which("cc") is not None and (Path(sysconfig.get_path("include")) / "Python.h").exists()
    assert subjects["proxy"] == ("ok" if compiles else "missing")
    assert {"faas", "watchdog", "go", "node", "engine", "state", "disk", "credentials", "gateway"} <= set(subjects)
    assert all(finding["remedy"] for finding in findings if finding["state"] != "ok")


def test_a_program_on_path_is_a_command(shell, tmp_path):
    """Arguments, output and exit code are its own."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    program = folder / "faas-greet"
    program.write_text('#!/bin/sh\necho "greet $@"\nexit 7\n')
    program.chmod(0o755)
    shell.env["PATH"] += f"{os.pathsep}{folder}"
    done = shell.faas("greet", "--loud", "-f", "x", check=False)
    assert (done.returncode, done.stdout) == (7, b"greet --loud -f x\n")
    assert b"greet\t" in shell.faas("plugin", "list").stdout
    program.write_text("#!/nowhere/at/all\n")
    assert shell.faas("greet", check=False).returncode == 127


def test_up_can_go_on(gateway):
    """`up --watch` does it again for what has changed; an image without a registry is not pushed."""
    gateway.faas("new", "--lang", "python", "fn")
    for test in (gateway.folder / "fn").glob("handler_test.py"):
        test.unlink()
    up = Running(gateway, "up", "-f", "fn.yml", "--builder", "oci", "--watch")
    try:
        up.until("watching")
        assert "fn:latest` names no registry" in up.output
        handler = gateway.folder / "fn" / "handler.py"
        handler.write_text(handler.read_text().replace("You said", "You wrote"))
        up.until("fn is live", 2)
        assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You wrote: x")
    finally:
        assert up.interrupt() in (0, 130)


def test_what_is_saved_during_the_first_build_is_not_missed(gateway):
    """The watch begins before anything is read."""
    gateway.faas("new", "--lang", "python", "fn")
    test = gateway.folder / "fn" / "handler_test.py"
    # The build waits in this test until the handler has been saved again.
    test.write_text(
        "import pathlib, time, unittest\n"
        "class Wait(unittest.TestCase):\n"
        "    def test_wait(self):\n"
        f"        pathlib.Path({str(gateway.folder / 'begun')!r}).touch()\n"
        f"        while not pathlib.Path({str(gateway.folder / 'saved')!r}).exists():\n"
        "            time.sleep(0.01)\n"
    )
    handler = gateway.folder / "fn" / "handler.py"
    dev = Running(gateway, "dev", "-f", "fn.yml", "--builder", "oci")
    try:
        deadline = time.monotonic() + 30
        while not (gateway.folder / "begun").exists():
            assert time.monotonic() < deadline, dev.output
            time.sleep(0.01)
        handler.write_text(handler.read_text().replace("You said", "You wrote"))
        (gateway.folder / "saved").touch()
        dev.until("fn is live", 2)
        assert gateway.faas("invoke", "fn", stdin=b"x").stdout.endswith(b"You wrote: x")
    finally:
        (gateway.folder / "saved").touch()
        assert dev.interrupt() in (0, 130)
