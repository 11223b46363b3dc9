"""Bad input: one error line and a hint on stderr, an exit code, no traceback, no partial files."""

import os
import socket
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def names(shell):
    return sorted(path.name for path in shell.folder.iterdir())


def test_no_stack_file(shell):
    """With the way to make one."""
    for command in ("build", "deploy", "remove"):
        assert "no stack file in this folder" in shell.fails(command)
    assert "my.yml: does not exist" in shell.fails("build", "-f", "my.yml")


def test_malformed_stack_file(shell):
    """File, line and key."""
    (shell.folder / "my.yml").write_text("provider:\n  name: openfaas\nfunctions:\n  a:\n    labels: [1]\n")
    assert "my.yml:5:13: `functions.a.labels` must be a map" in shell.fails("build", "-f", "my.yml")
    (shell.folder / "my.yml").write_text("provider: [\n")
    assert "my.yml:2:1: not YAML" in shell.fails("deploy", "-f", "my.yml")


def test_unknown_language(shell):
    """The nearest names; nothing is made."""
    error = shell.fails("new", "--lang", "golan", "fn")
    assert "no template called `golan`" in error
    assert "did you mean `go`" in error
    assert names(shell) == []


@pytest.mark.parametrize("name", ["Hello", "a_b", "../x", "-x-"])
def test_bad_function_name(shell, name):
    """Before anything is made."""
    shell.fails("new", "--lang", "go", "--", name, code=2)
    assert names(shell) == []


def test_folder_that_is_there(shell):
    """It is left as it is."""
    (shell.folder / "fn").mkdir()
    assert "already exists" in shell.fails("new", "--lang", "go", "fn", code=2)
    assert names(shell) == ["fn"]


def test_handler_that_does_not_compile(shell):
    """The compiler's own message, the function's name; the others are built, with a summary at the end."""
    shell.faas("new", "--lang", "go", "broken")
    shell.faas("new", "--lang", "go", "fine", "--append", "broken.yml")
    (shell.folder / "broken" / "handler.go").write_text(
        "package function\n\nfunc Handle(req []byte) string { return nope }\n"
    )
    done = shell.faas("build", "-f", "broken.yml", "--builder", "oci", check=False)
    error = done.stderr.decode()
    assert done.returncode == 1
    assert "broken/handler.go:3:" in error
    assert "undefined: nope" in error
    assert "`broken` does not compile" in error
    assert "1 of 2 functions could not be built: broken" in error
    assert b"Image: fine:latest built." in done.stdout


def test_no_gateway_listening(shell):
    """With the command that starts one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        shell.env["OPENFAAS_URL"] = f"http://127.0.0.1:{probe.getsockname()[1]}"
        for arguments in (["list"], ["invoke", "fn"], ["describe", "fn"], ["logs", "fn"], ["remove", "fn"]):
            error = shell.fails(*arguments)
            assert "no gateway answers at" in error
            assert "faas gateway start" in error


def test_function_not_found(gateway):
    """Every command that names one."""
    for arguments in (["describe", "nope"], ["remove", "nope"], ["logs", "nope", "--tail=false"]):
        assert "there is no function `nope`" in gateway.fails(*arguments)
    assert "404" in gateway.fails("invoke", "nope")


def test_image_that_is_not_there(gateway):
    """The gateway says which, and what to do."""
    error = gateway.fails("deploy", "--image", "nowhere:1", "--name", "fn")
    assert "nowhere:1" in error
    assert gateway.faas("list", "-q").stdout == b""


def test_function_that_ends_at_once(gateway):
    """The failure is reported at once with the function's last lines, and nothing is left behind."""
    gateway.faas("new", "--lang", "python-http", "fn")
    (gateway.folder / "fn" / "handler_test.py").unlink()
    (gateway.folder / "fn" / "handler.py").write_text(
        "import os\n\ndef handle(event, context):\n    return ''\n\n"
        "if 'fprocess' in os.environ:  # served, not checked by the build\n    raise SystemExit('no reason to live')\n"
    )
    gateway.faas("build", "-f", "fn.yml", "--builder", "oci")
    error = gateway.fails("deploy", "-f", "fn.yml", timeout=30)
    assert "no reason to live" in error
    assert gateway.faas("list", "-q").stdout == b""


def test_port_in_use(shell):
    """The port, and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = shell.fails("gateway", "start", "--port", str(port), "--metrics-port", "0")
    assert str(port) in error
    assert "--port" in error


def test_unknown_words(shell):
    """Commands and flags: the nearest name, exit code 2."""
    assert "did you mean `deploy`" in shell.fails("deplyo", code=2)
    assert "--gatway" in shell.fails("list", "--gatway", "x", code=2)


def test_commands_that_need_no_engine_never_look_for_one(shell):
    """An engine that hangs, a gateway that is not there, change nothing."""
    shell.env |= {"DOCKER_HOST": "tcp://127.0.0.1:1", "OPENFAAS_URL": "http://127.0.0.1:1"}
    shell.faas("new", "--lang", "python", "fn")
    shell.faas("build", "-f", "fn.yml", "--builder", "oci")
    shell.faas("--help")
    shell.faas("version", "--short-version")


def test_no_command_looks_anything_up_at_start(shell, tmp_path):
    """With sockets forbidden, everything local works."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import socket\n"
        "def forbidden(*args, **kwargs):\n"
        "    raise RuntimeError('a lookup at start')\n"
        "socket.getaddrinfo = socket.create_connection = socket.socket.connect = forbidden\n"
    )
    shell.env["PYTHONPATH"] = str(site)
    shell.faas("--help")
    shell.faas("version", "--short-version")
    shell.faas("new", "--lang", "python", "fn")
    shell.faas("build", "-f", "fn.yml", "--shrinkwrap", "--builder", "oci")


def test_the_only_stack_file_is_found(shell):
    """Whatever its name; of several, one must be chosen."""
    shell.faas("new", "--lang", "python", "fn")
    (shell.folder / "other.yml").write_text("key: value\n")
    shell.faas("build", "--builder", "oci")
    shell.faas("new", "--lang", "python", "fn2")
    error = shell.fails("build", "--builder", "oci")
    assert "`fn.yml`, `fn2.yml`" in error
    (shell.folder / "stack.yaml").write_text((shell.folder / "fn.yml").read_text())
    shell.faas("build", "--builder", "oci")


def test_a_state_folder_that_cannot_be_written(shell):
    """Root can write anywhere, so the folder is a file."""
    Path(shell.env["FAAS_STATE_DIR"]).write_text("")
    shell.faas("new", "--lang", "python", "fn")
    assert os.fspath(shell.env["FAAS_STATE_DIR"]) in shell.fails("build", "-f", "fn.yml", "--builder", "oci")
