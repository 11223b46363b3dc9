"""The installed command, in a virtual environment of its own, and a gateway it starts itself."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 300


@dataclass
class Shell:
    """A folder and an environment in which a person types commands."""

    folder: Path
    env: dict[str, str]
    background: list[str] = field(default_factory=list)

    def run(self, *command, stdin=b"", check=True, timeout=LIMIT):
        """Run a command and return what it printed; with `check`, it must succeed."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, input=stdin, capture_output=True, timeout=timeout, check=False
        )
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done

    def faas(self, *arguments, **options):
        """Run the installed `faas`."""
        return self.run("faas", *arguments, **options)

    def fails(self, *arguments, code=1, **options):
        """Run `faas`, which must fail with this code, print no traceback, and say why on stderr."""
        done = self.faas(*arguments, check=False, **options)
        error = done.stderr.decode()
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout.decode()}\n{error}"
        assert "Traceback" not in error
        assert "Traceback" not in done.stdout.decode()
        assert re.search(r"^faas: .+", error, re.MULTILINE), error
        return error

    def gateway_pid(self):
        """Process number of the gateway started here."""
        text = self.faas("gateway", "status").stdout.decode()
        found = re.search(r"Process:\s+(\d+)", text)
        assert found, text
        return int(found[1])


def install(folder: Path, *extras: str, compiled: str) -> None:
    """Make a virtual environment with the project in it."""
    venv.create(folder, with_pip=True)
    target = str(ROOT) + (f"[{','.join(extras)}]" if extras else "")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", target]
    chosen = {"FAAS_WATCHDOG_PLATFORMS": "host,linux/arm64", "FAAS_COMPILE": compiled}
    subprocess.run(pip, check=True, env={**os.environ, **chosen}, timeout=500)


@pytest.fixture(scope="session")
def commands(once):
    """Folder of the installed command."""
    return once("venv", lambda folder: install(folder, compiled="auto")) / "bin"


@pytest.fixture(scope="session")
def equipped_commands(once):
    """The command with its own Go and Node, as `pip install faaskit[go,node]` gives them."""
    return once("equipped-venv", lambda folder: install(folder, "go", "node", compiled="no")) / "bin"


def environment(commands: Path, home: Path, path: str) -> dict[str, str]:
    """A person's environment, with nothing in it that would lead out of `home`."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key.startswith(("PIP_", "SSL_", "GOPROXY", "GOFLAGS", "npm_"))
    }
    for key in (
        "GOMODCACHE",
        "GOCACHE",
        "GONOSUMDB",
        "GONOSUMCHECK",
        "GOSUMDB",
        "NODE_EXTRA_CA_CERTS",
        "HTTPS_PROXY",
        "HTTP_PROXY",
    ):
        if key in os.environ:
            kept[key] = os.environ[key]
    kept.setdefault("GOCACHE", str(Path(os.environ.get("HOME", "/root")) / ".cache" / "go-build"))
    return {
        **kept,
        "PATH": f"{commands}{os.pathsep}{path}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "FAAS_STATE_DIR": str(home / "state"),
        # Nothing is looked up outside this machine.
        "OPENFAAS_TEMPLATE_STORE_URL": str(home / "no-store.json"),
    }


@pytest.fixture
def shell(request, tmp_path):
    """An empty folder to type commands in; no gateway runs. Go and Node are there, from this machine or from PyPI."""
    complete = shutil.which("go") and shutil.which("node")
    commands = request.getfixturevalue("commands" if complete else "equipped_commands")
    return make_shell(commands, tmp_path, os.environ["PATH"])


def make_shell(commands: Path, place: Path, path: str) -> Shell:
    (place / "home").mkdir()
    (place / "project").mkdir()
    return Shell(place / "project", environment(commands, place / "home", path))


def start_gateway(shell: Shell) -> Shell:
    """Start a gateway on a free port; `OPENFAAS_URL` leads to it."""
    done = shell.faas("gateway", "start", "--port", "0", "--metrics-port", "0")
    found = re.search(r"http://127\.0\.0\.1:\d+", done.stdout.decode() + done.stderr.decode())
    assert found, done
    shell.env["OPENFAAS_URL"] = found[0]
    return shell


@pytest.fixture
def gateway(shell):
    """A folder with a gateway of its own, stopped afterwards."""
    start_gateway(shell)
    yield shell
    shell.faas("gateway", "stop", check=False)


@pytest.fixture(scope="session")
def bare_path(tmp_path_factory):
    """A PATH with Python, git and a shell, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    for name in ("sh", "env", "git", "uname"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    return str(folder)


def kill(pid: int) -> None:
    """End a process at once, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
