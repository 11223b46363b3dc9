"""Which command line is tested."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from .recorder import Recorder, recording


@pytest.fixture(scope="session")
def cli(request):
    """The command as a list: ours, or the one named with `--cli`."""
    chosen = request.config.getoption("--cli")
    return [chosen] if chosen else [sys.executable, "-c", "from faas_cli.cli import main; main()"]


@pytest.fixture(scope="module")
def same_answer():
    """A server that answers everything with `other`."""
    with recording() as recorder:
        yield recorder


@pytest.fixture
def unused_port():
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port whose connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@dataclass
class Client:
    """A command line, the folder it is typed in, and the gateway it speaks with."""

    cli: list[str]
    folder: Path
    gateway: Recorder
    env: dict[str, str]

    def run(self, *arguments, stdin=b"", code=0):
        """Run a command, which must end with this code."""
        done = subprocess.run(
            [*self.cli, *arguments],
            cwd=self.folder,
            env=self.env,
            input=stdin,
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == code, f"{arguments}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        assert b"Traceback" not in done.stderr
        return done

    def write(self, name, text):
        """Write a file of the folder."""
        (self.folder / name).write_text(text)


@pytest.fixture
def client(cli, tmp_path):
    """The command line in an empty folder, with a gateway that writes down what it is asked."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    with recording() as recorder:
        env = {**os.environ, "HOME": str(tmp_path / "home"), "NO_COLOR": "1", "OPENFAAS_URL": recorder.url}
        for name in ("OPENFAAS_CONFIG", "OPENFAAS_NS", "CI", "FAAS_DEBUG"):
            env.pop(name, None)
        yield Client(cli, tmp_path / "project", recorder, env)


class SilentGateway:
    """Accepts connections and never answers."""

    def __init__(self, listener):
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._callers = []

    def wait_for_a_caller(self, process):
        """Return once somebody has sent the beginning of a request."""
        self._listener.settimeout(20)
        caller, _ = self._listener.accept()
        self._callers.append(caller)
        caller.settimeout(20)
        assert caller.recv(1)
        assert process.poll() is None


@pytest.fixture
def silent_gateway():
    """A gateway that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = SilentGateway(listener)
        yield silent
        for caller in silent._callers:
            caller.close()
