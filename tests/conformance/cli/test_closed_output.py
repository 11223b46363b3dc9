"""Output that cannot be written: exit code 1 without a traceback, whether or not Python buffers."""

import os
import subprocess

import pytest

PRINTING = {
    "help": ["--help"],
    "no arguments": [],
    "help of a command": ["build", "--help"],
    "version": ["version", "--short-version"],
    "schema": ["schema"],
    "completion": ["completion", "--shell", "bash"],
}


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def plain(client, request):
    """Runs the command line behind shell redirections, in an interpreter without further settings."""

    def run(redirection, *arguments, stdout=subprocess.PIPE):
        env = {name: value for name, value in client.env.items() if not name.startswith("PYTHON")}
        env |= {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PYTHONUNBUFFERED": request.param}
        command = ["sh", "-c", f'"$@" {redirection}', "sh", *client.cli, *arguments]
        streams = {"stdout": stdout, "stderr": subprocess.PIPE}
        done = subprocess.run(command, cwd=client.folder, env=env, timeout=30, check=False, text=True, **streams)
        return done.returncode, done.stdout or "", done.stderr

    return run


@pytest.mark.parametrize("arguments", PRINTING.values(), ids=PRINTING)
def test_a_closed_stdout(plain, arguments):
    """A closed stdout exits 1 without a message."""
    assert plain(">&-", *arguments) == (1, "", "")


@pytest.mark.parametrize("arguments", PRINTING.values(), ids=PRINTING)
def test_a_full_disk(plain, arguments):
    """One line says what the system said."""
    code, out, err = plain(">/dev/full", *arguments)
    assert (code, out) == (1, "")
    assert err == "faas: the output cannot be written: no space left on device\n"


def test_a_reader_that_has_left(plain):
    """As `faas list | head` has it."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert plain("", "schema", stdout=writer) == (1, "", "")
    finally:
        os.close(writer)


def test_nothing_to_print(plain):
    """A command without output succeeds."""
    assert plain(">&-", "list", "--quiet") == (0, "", "")


def test_a_list_of_functions(plain, client):
    """The gateway has answered; the table has nowhere to go."""
    assert plain(">&-", "list") == (1, "", "")


def test_closed_stderr_and_stdin(plain):
    """The result is still printed."""
    code, out, _ = plain("2>&- <&-", "version", "--short-version")
    assert code == 0
    assert out.strip()


def test_no_file_takes_the_place_of_a_closed_stream(plain, client):
    """A file the command opens must not receive what it prints."""
    code, _, err = plain(">&- 2>&- <&-", "login", "--username", "admin", "--password", "secret")
    assert (code, err) == (1, "")
    assert "Credentials" not in (client.folder.parent / "home/.openfaas/config.yml").read_text()
