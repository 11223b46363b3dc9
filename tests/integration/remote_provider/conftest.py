"""A gateway in front of a standalone provider: two real processes with state directories of their own."""

import os
import subprocess
import sys

import pytest

from tests.gateways import ECHO, ROOT, SERVER, Gateway, build_watchdog, wait_for
from tests.nats_server import nats

__all__ = ["nats"]


class Provider(Gateway):
    """A standalone provider, and a client of its REST API."""

    command = "provide"

    def __init__(self, state, *options):
        super().__init__(state)
        self.options = ["--state-dir", str(state), "--port", "0", *options]

    def restart(self):
        """Start again at the same address, as a service manager does."""
        port = self.url.rpartition(":")[2]
        self.options[self.options.index("--port") + 1] = port
        return self.start()


@pytest.fixture(name="wait_for", scope="session")
def wait_for_fixture():
    """Waits until a condition holds."""
    return wait_for


@pytest.fixture
def provider(tmp_path):
    """A provider with the process engine and the images `echo` and `server` (which stays alive)."""
    build_watchdog()
    found = Provider(tmp_path / "provider")
    found.state.mkdir()
    found.add_image("echo", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
    environment = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
    found.add_image("server", {"server.py": SERVER}, environment, {"io.faas.upstream-port-env": "PORT"})
    found.start()
    yield found
    found.stop()


@pytest.fixture
def make_gateway(tmp_path):
    """Starts gateways with the options given; every one has a state directory of its own."""
    made = []

    def make(*options):
        state = tmp_path / f"gateway{len(made)}"
        state.mkdir()
        made.append(Gateway(state, *options))
        return made[-1].start()

    yield make
    for gateway in made:
        gateway.stop()


@pytest.fixture
def gateway(make_gateway, provider):
    """A gateway whose functions the provider runs."""
    return make_gateway("--provider-url", provider.url, "--provider-secrets-dir", str(provider.state))


@pytest.fixture
def run_gateway(tmp_path):
    """Runs a gateway that is not going to start; returns its exit code and its last line on stderr."""

    def run(*options):
        command = [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(tmp_path / "never")]
        done = subprocess.run(
            [*command, "--port", "0", "--metrics-port", "0", *options],
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stderr.splitlines()[-1]

    return run
