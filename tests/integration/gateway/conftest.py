"""A real gateway with the process provider and a real watchdog, on ports of its own."""

import subprocess
import sys

import pytest

from tests.gateways import ECHO, SERVER, Gateway, build_watchdog, wait_for
from tests.nats_server import nats

__all__ = ["nats"]


@pytest.fixture(name="wait_for", scope="session")
def wait_for_fixture():
    """Waits until a condition holds."""
    return wait_for


@pytest.fixture(scope="session")
def watchdog_binary():
    """The watchdog of this tree."""
    return build_watchdog()


@pytest.fixture
def gateway(tmp_path, watchdog_binary):
    """A running gateway with the images `echo` (one process for each call) and `server` (one that stays)."""
    found = Gateway(tmp_path / "state")
    found.state.mkdir()
    found.add_image("echo", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
    environment = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
    found.add_image("server", {"server.py": SERVER}, environment, {"io.faas.upstream-port-env": "PORT"})
    found.add_image("fixed", {"server.py": SERVER}, environment)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def certificate(tmp_path, tool):
    """A certificate for this machine, its key behind it in the same file."""
    path, key = tmp_path / "proxy.pem", tmp_path / "key.pem"
    command = [tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=proxy", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", path], check=True, capture_output=True, timeout=30)
    path.write_text(path.read_text() + key.read_text())
    return path
