"""The walkthrough as a user types it: new, build, deploy, invoke, delete."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import alive, kill, make_shell, start_gateway

pytestmark = pytest.mark.e2e

GREETINGS = {"go": "Go", "python": "Python", "node": "Node"}
LANGUAGES = ["go", "python", "node", "go-http", "python-http", "node-http"]


def walk(shell, lang):
    """The walkthrough in one language."""
    done = shell.faas("new", "--lang", lang, "gohash")
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "Folder: gohash created."
    assert "Function created in folder: gohash" in lines
    assert "Stack file written: gohash.yml" in lines
    assert "Notes:" in lines
    stack = (shell.folder / "gohash.yml").read_text()
    for line in (f"lang: {lang}", "handler: ./gohash", "image: gohash:latest", f"gateway: {shell.env['OPENFAAS_URL']}"):
        assert line in stack
    assert b"Image: gohash:latest built." in shell.faas("build", "-f", "gohash.yml", "--builder", "oci").stdout
    deployed = shell.faas("deploy", "-f", "gohash.yml").stdout.decode()
    assert "Deploying: gohash." in deployed
    assert "Deployed. 202 Accepted." in deployed
    assert f"URL: {shell.env['OPENFAAS_URL']}/function/gohash" in deployed
    answer = shell.faas("invoke", "gohash", stdin=b"test").stdout
    assert answer == f"Hello, {GREETINGS[lang.removesuffix('-http')]}. You said: test".encode()
    assert shell.faas("list", "-q").stdout == b"gohash\n"
    shell.faas("delete", "-f", "gohash.yml")
    assert shell.faas("list", "-q").stdout == b""
    assert "there is no function" in shell.fails("describe", "gohash")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_walkthrough(gateway, lang):
    """As the 2018 article has it, in six languages."""
    walk(gateway, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_walkthrough_on_a_bare_path(equipped_commands, bare_path, tmp_path, lang):
    """No Go, no Node, no Docker on PATH; the toolchains come from PyPI."""
    shell = make_shell(equipped_commands, tmp_path, bare_path)
    start_gateway(shell)
    try:
        walk(shell, lang)
    finally:
        shell.faas("gateway", "stop", check=False)


def test_a_missing_toolchain_names_the_command_that_gets_it(commands, bare_path, tmp_path):
    """One line, before anything is built."""
    shell = make_shell(commands, tmp_path, bare_path)
    for lang, extra in (("go", "faaskit[go]"), ("node", "faaskit[node]")):
        shell.faas("new", "--lang", lang, f"my-{lang}")
        error = shell.fails("build", "-f", f"my-{lang}.yml", "--builder", "oci")
        assert f"needs `{lang}`" in error
        assert f"pip install '{extra}" in error


def deploy(shell, name="fn", lang="python", *flags):
    shell.faas("new", "--lang", lang, name)
    shell.faas("build", "-f", f"{name}.yml", "--builder", "oci")
    shell.faas("deploy", "-f", f"{name}.yml", *flags)


def peak_memory(pid):
    """Peak memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def children(pid):
    """Processes started by a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def test_100_mb_there_and_back_in_flat_memory(gateway):
    """Unchanged, and neither gateway nor watchdog holds it."""
    deploy(gateway, "echo", "python")
    gateway.faas("deploy", "--image", "echo:latest", "--name", "cat", "--fprocess", "cat")
    pid = gateway.gateway_pid()
    processes = [pid, *children(pid)]
    gateway.faas("invoke", "cat", stdin=b"warm")
    before = {each: peak_memory(each) for each in processes}
    big = os.urandom(1024 * 1024) * 100
    assert gateway.faas("invoke", "cat", stdin=big).stdout == big
    growth = {each: peak_memory(each) - before[each] for each in processes}
    assert max(growth.values()) < 10 * 1024 * 1024, growth


def test_functions_answer_again_after_kill_9(gateway):
    """The gateway comes back with its functions, and leaves no orphans."""
    deploy(gateway)
    pid = gateway.gateway_pid()
    old = children(pid)
    assert old
    kill(pid)
    port = gateway.env["OPENFAAS_URL"].rpartition(":")[2]
    gateway.faas("gateway", "start", "--port", port, "--metrics-port", "0")
    deadline = time.monotonic() + 10
    while gateway.faas("invoke", "fn", stdin=b"x", check=False).returncode != 0:
        assert time.monotonic() < deadline
    assert gateway.faas("invoke", "fn", stdin=b"test").stdout == b"Hello, Python. You said: test"
    assert not [each for each in old if alive(each)]


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.15, 0.2, 0.3])
def test_the_first_deploy_after_a_crash_works(gateway, delay):
    """Wherever the gateway was killed in the middle of a deployment."""
    gateway.faas("new", "--lang", "python", "fn")
    gateway.faas("build", "-f", "fn.yml", "--builder", "oci")
    pid = gateway.gateway_pid()
    deploying = subprocess.Popen(
        ["faas", "deploy", "-f", "fn.yml"],
        cwd=gateway.folder, env=gateway.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(delay)
    kill(pid)
    deploying.wait(timeout=30)
    port = gateway.env["OPENFAAS_URL"].rpartition(":")[2]
    gateway.faas("gateway", "start", "--port", port, "--metrics-port", "0")
    gateway.faas("deploy", "-f", "fn.yml")
    assert gateway.faas("invoke", "fn", stdin=b"test").stdout == b"Hello, Python. You said: test"
    assert gateway.faas("list", "-q").stdout == b"fn\n"


def test_secrets_namespaces_and_scale(gateway):
    """A function reads its secret; no output contains its value."""
    gateway.faas("secret", "create", "word", stdin=b"sesame\n")
    assert b"word" in gateway.faas("secret", "list").stdout
    deploy(gateway, "fn", "python", "--secret", "word")
    (gateway.folder / "fn" / "handler.py").write_text(
        "import os\n"
        "def handle(req):\n"
        "    with open(os.environ.get('secret_mount_path', '/var/openfaas/secrets') + '/word') as secret:\n"
        "        return secret.read()\n"
    )
    (gateway.folder / "fn" / "handler_test.py").unlink()
    gateway.faas("build", "-f", "fn.yml", "--builder", "oci")
    gateway.faas("deploy", "-f", "fn.yml", "--secret", "word")
    assert gateway.faas("invoke", "fn").stdout == b"sesame"
    assert b"sesame" not in gateway.faas("secret", "list", "--json").stdout
    assert "the secret `word` already exists" in gateway.fails("secret", "create", "word", "--from-literal", "x")
    gateway.faas("scale", "fn", "3")
    gateway.faas("ready", "fn", "--attempts", "20", "--interval", "100ms")
    assert b"Replicas:           3" in gateway.faas("describe", "fn").stdout
    gateway.faas("namespace", "create", "dev")
    assert b" - dev" in gateway.faas("namespace", "list").stdout


def test_diff_shows_what_would_change(gateway):
    """Exit code 1 when something would."""
    deploy(gateway, "fn", "python")
    assert b"no differences" in gateway.faas("diff", "-f", "fn.yml").stdout
    stack = gateway.folder / "fn.yml"
    stack.write_text(stack.read_text().rstrip() + "\n    labels:\n      team: a\n")
    done = gateway.faas("diff", "-f", "fn.yml", check=False)
    assert done.returncode == 1
    assert b"label.team: a" in done.stdout


def test_invoke_passes_everything_on(gateway):
    """Query, headers, method and content type reach the function; binary input and output stay as they are."""
    deploy(gateway, "fn", "python-http")
    handler = gateway.folder / "fn" / "handler.py"
    handler.write_text(
        "def handle(event, context):\n"
        "    sent = event.headers\n"
        "    said = [event.method, event.path, event.query['a'], sent['X-Test'], sent['Content-Type']]\n"
        "    return {'body': '|'.join(said).encode() + b'|' + event.body}\n"
    )
    (gateway.folder / "fn" / "handler_test.py").unlink()
    gateway.faas("build", "-f", "fn.yml", "--builder", "oci")
    gateway.faas("deploy", "-f", "fn.yml")
    flags = [
        "--query",
        "a=1 2",
        "-H",
        "X-Test: yes",
        "--method",
        "PUT",
        "--content-type",
        "application/x",
        "--path",
        "p/q",
    ]
    binary = bytes(range(256))
    assert gateway.faas("invoke", "fn", *flags, stdin=binary).stdout == b"PUT|/p/q|1 2|yes|application/x|" + binary


def test_logs_and_describe(gateway):
    """Logs are stored, and `describe` shows the function."""
    deploy(gateway, "fn", "python", "--env", "COLOUR=red", "--label", "team=a")
    gateway.run(
        "sh", "-c", "printf 'import sys\\ndef handle(req):\\n    print(\"noted\", file=sys.stderr)\\n' > fn/handler.py"
    )
    (gateway.folder / "fn" / "handler_test.py").unlink()
    gateway.faas("build", "-f", "fn.yml", "--builder", "oci")
    gateway.faas("deploy", "-f", "fn.yml", "--env", "COLOUR=red", "--env", "combine_output=false", "--label", "team=a")
    gateway.faas("invoke", "fn", stdin=b"")
    deadline = time.monotonic() + 10
    while b"noted" not in gateway.faas("logs", "fn", "--tail=false").stdout:
        assert time.monotonic() < deadline
    described = gateway.faas("describe", "fn").stdout.decode()
    for line in ("Name:               fn", "Status:             Ready", " COLOUR: red", " team: a"):
        assert line in described


def test_up_builds_and_deploys_in_one_step(gateway):
    """Without a registry."""
    gateway.faas("new", "--lang", "python", "fn")
    gateway.faas("up", "-f", "fn.yml", "--builder", "oci", "--skip-push")
    assert gateway.faas("invoke", "fn", stdin=b"test").stdout == b"Hello, Python. You said: test"


def test_login_and_logout(gateway):
    """`gateway start` has logged us in; credentials are checked before they are kept."""
    url = gateway.env["OPENFAAS_URL"]
    config = Path(gateway.env["HOME"]) / ".openfaas" / "config.yml"
    assert config.stat().st_mode & 0o777 == 0o600
    gateway.faas("logout", "--gateway", url)
    assert "faas login" in gateway.fails("list")
    password = (Path(gateway.env["FAAS_STATE_DIR"]) / "basic-auth-password").read_bytes()
    assert "rejected the credentials" in gateway.fails("login", "--password-stdin", stdin=b"wrong")
    assert b"credentials saved for admin" in gateway.faas("login", "--password-stdin", stdin=password).stdout
    gateway.faas("list")
