"""`faas local-run`: one function in the foreground, without a gateway."""

import re
import shlex
import time
import urllib.error
import urllib.request

import pytest

from .test_dev import Running

pytestmark = pytest.mark.e2e


@pytest.fixture
def project(shell):
    """A folder with a function that needs a variable and a secret."""
    shell.faas("new", "--lang", "python", "fn")
    for test in (shell.folder / "fn").glob("handler_test.py"):
        test.unlink()
    (shell.folder / "fn" / "handler.py").write_text(
        "import os\n"
        "def handle(req):\n"
        "    with open(os.environ.get('secret_mount_path', '/var/openfaas/secrets') + '/word') as secret:\n"
        "        return os.environ['COLOUR'] + os.environ['OPENFAAS_NAME'] + secret.read() + req\n"
    )
    stack = shell.folder / "fn.yml"
    stack.write_text(stack.read_text().rstrip() + "\n    secrets: [word]\n    environment: {COLOUR: red}\n")
    return shell


def test_a_secret_that_is_not_there(project):
    """Is named before anything runs, with the file to write."""
    error = project.fails("local-run", "fn", "-p", "0", "--builder", "oci")
    assert "needs secrets that are not in `.secrets`: word" in error


def test_built_and_answering_until_ctrl_c(project):
    """On a port of this machine; what is typed wins over the stack file."""
    (project.folder / ".secrets").mkdir()
    (project.folder / ".secrets" / "word").write_text("sesame")
    run = Running(project, "local-run", "fn", "-p", "0", "--builder", "oci", "-e", "COLOUR=blue,OTHER=x")
    try:
        run.until("Starting local-run for: fn")
        url = re.search(r"http://127\.0\.0\.1:\d+", run.output)[0]
        assert answer(url, b"!") == b"bluefnsesame!"
    finally:
        assert run.interrupt() in (0, 130)
    printed = project.faas("local-run", "fn", "--print", "-p", "3000").stdout.decode()
    assert "fwatchdog" in shlex.split(printed)[0]


def answer(url, body, patience=10):
    """What the function answers, once it listens."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, data=body, timeout=patience) as response:
                return response.read()
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            time.sleep(0.02)
    pytest.fail(f"nobody listens at {url}")


def test_several_functions_need_a_name(project):
    """And they are listed."""
    project.faas("new", "--lang", "python", "other", "--append", "fn.yml")
    assert "several functions match: fn, other" in project.fails("local-run", "--print", code=2)
