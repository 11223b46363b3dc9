"""Every command when its environment is broken: a clear error, the right exit code, nothing left behind.

The gateway here is a stand-in: no real one can be made to answer with HTML, or never.
"""

import json
import os
import re
import signal
import subprocess

import pytest

from faas_cli.help.examples import EXAMPLES

from .rows import GATEWAY, LOCAL, ROWS, SERVER, speaking

STACK = "version: 1.0\nprovider:\n  name: openfaas\nfunctions:\n  fn:\n    skip_build: true\n    image: fn:latest\n"
STORE = {"version": "0.2.0", "functions": [{"name": "env", "title": "Env", "images": {"x86_64": "acme/env"}}]}
ANSWERS = {
    "unauthorized": (401, b"invalid credentials"),
    "not found": (404, b"not found"),
    "broken": (500, b"the disk is on fire"),
    "somebody else": (200, b"<html><body>It works!</body></html>"),
}


class Place:
    """A project with a stack file, a home, and nothing else; where commands are run."""

    def __init__(self, cli, base):
        self.cli, self.base, self.folder = cli, base, base / "project"
        self.folder.mkdir()
        (base / "home").mkdir()
        (base / "store.json").write_text(json.dumps(STORE))
        (self.folder / "fn.yml").write_text(STACK)
        self.env = {**os.environ, "HOME": str(base / "home"), "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0"}
        self.env |= {"FAAS_STATE_DIR": str(base / "state")}
        for name in ("OPENFAAS_CONFIG", "CI", "FAAS_DEBUG"):
            self.env.pop(name, None)

    def start(self, words, url, **options):
        """Run the row of a command against a server."""
        command = [*self.cli, *ROWS[words].typed(url, self.base / "store.json")]
        env = {**self.env, "OPENFAAS_URL": url}
        return subprocess.Popen(
            command, cwd=self.folder, env=env, **{"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        )

    def run(self, words, url, **options):
        """The same until its end: exit code, output, messages."""
        with self.start(words, url, **{"stdout": subprocess.PIPE, **options}) as process:
            output, errors = process.communicate(b"body", timeout=60)
            errors = errors.decode()
            assert_no_accident(errors)
            return process.returncode, output, errors

    def assert_untouched(self):
        """The stack file byte for byte, and no credentials nobody has accepted."""
        assert (self.folder / "fn.yml").read_text() == STACK
        assert sorted(path.name for path in self.folder.iterdir()) == ["fn.yml"]
        assert not (self.base / "home" / ".openfaas" / "config.yml").exists()


def assert_no_accident(errors):
    """No traceback and no internal error."""
    assert "Traceback" not in errors
    assert "internal error" not in errors


def reasons(errors):
    """The lines that say what is wrong."""
    return re.findall(r"^faas: .+", errors, re.MULTILINE)


@pytest.fixture
def place(cli, tmp_path):
    return Place(cli, tmp_path)


def test_every_command_has_a_row():
    """A new one is tried like the others from the start."""
    assert sorted(ROWS) == sorted(EXAMPLES)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("words", speaking(GATEWAY, SERVER))
def test_a_server_that_refuses(place, same_answer, words, answer):
    """Exit code 1 and the server's error, or a hint."""
    row = ROWS[words]
    if answer == "somebody else" and row.careless:
        return  # a 200 is all it asks for
    same_answer.other = ANSWERS[answer]
    code, _, errors = place.run(words, same_answer.url)
    assert code == 1, errors
    assert reasons(errors), errors
    if row.speaks == GATEWAY and answer == "unauthorized" and words != "invoke":
        assert "requires user and password" in errors or "rejected the credentials" in errors
        assert "faas login" in errors
    if row.speaks == GATEWAY and answer == "broken":
        assert "the disk is on fire" in errors
    place.assert_untouched()


@pytest.mark.parametrize("words", speaking(GATEWAY, SERVER))
def test_nobody_listens(place, unused_port, words):
    """The error contains the address."""
    code, _, errors = place.run(words, f"http://127.0.0.1:{unused_port}")
    assert code == 1, errors
    assert f"127.0.0.1:{unused_port}" in errors or f"127.0.0.1 port {unused_port}" in errors
    place.assert_untouched()


@pytest.mark.parametrize("words", speaking(GATEWAY, SERVER))
def test_ctrl_c_while_a_server_is_silent(place, silent_gateway, words):
    """Exit code 130 and nothing left behind."""
    process = place.start(words, silent_gateway.url, stdout=subprocess.DEVNULL, start_new_session=True)
    process.stdin.write(b"body")
    process.stdin.close()
    silent_gateway.wait_for_a_caller(process)
    process.send_signal(signal.SIGINT)
    errors = process.stderr.read().decode()
    assert process.wait(20) == 130, errors
    assert_no_accident(errors)
    place.assert_untouched()
    process.stderr.close()


@pytest.mark.parametrize("words", speaking(LOCAL))
def test_without_anything(place, unused_port, words):
    """Commands without a server end by themselves with data or an error, and leave nothing behind."""
    code, output, errors = place.run(words, f"http://127.0.0.1:{unused_port}")
    assert code in (0, 1, 2)
    assert code == 0 or reasons(errors) or output
    place.assert_untouched()


@pytest.mark.parametrize("words", ROWS)
def test_nobody_reads(place, same_answer, words):
    """A closed reader of standard output ends the command without a message."""
    same_answer.other = (404, b"not found")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        code, _, errors = place.run(words, same_answer.url, stdout=writer)
    finally:
        os.close(writer)
    assert code in (0, 1, 2)
    assert "Errno 32" not in errors
    assert "roken pipe" not in errors


@pytest.mark.parametrize("words", speaking(LOCAL))
def test_nowhere_to_write(place, unused_port, words):
    """Unwritable working, home and state directories give at most one error, never an internal error."""
    place.folder = "/proc/self"
    place.env |= {"HOME": "/proc/nowhere", "FAAS_STATE_DIR": "/proc/nowhere"}
    code, output, errors = place.run(words, f"http://127.0.0.1:{unused_port}")
    assert code in (0, 1, 2)
    # `doctor` finds something wrong, which is what it is asked for.
    assert code == 0 or len(reasons(errors)) == 1 or output
