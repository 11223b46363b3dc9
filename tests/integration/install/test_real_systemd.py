"""The gateway as a service of a real systemd, on a minimal Debian."""

import json

import pytest

from faas_cli.gateway.install.systemd import UNIT
from tests.systemd_machine import machine

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def system(tmp_path_factory, missing):
    """The booted system."""
    with machine(tmp_path_factory.mktemp("machine"), missing) as booted:
        yield booted


def test_a_service_that_does_not_start(system):
    """Its own words are shown, and no unit is left that systemd restarts for ever."""
    system.run("mkdir", "-p", "/var/lib/faas")
    system.run("sh", "-c", "echo 'tls_cert = \"/none\"' > /var/lib/faas/gateway.toml")
    done = system.faas("gateway", "install", "systemd", "--system", check=False)
    assert done.returncode == 1, done
    assert "cannot read the certificate `/none`" in done.stderr
    assert "Traceback" not in done.stderr
    system.run("rm", "/var/lib/faas/gateway.toml")
    assert system.run("systemctl", "cat", UNIT, check=False).returncode != 0


def test_a_service_of_the_system(system):
    """It starts and answers, and a function is deployed to it from the user's own store."""
    done = system.faas("gateway", "install", "systemd", "--system", "--port", "8099")
    assert "http://127.0.0.1:8099" in done.stdout
    assert system.run("systemctl", "is-active", UNIT).stdout.strip() == "active"
    info = json.loads(system.faas("version", "-o", "json", "--gateway", "http://127.0.0.1:8099").stdout)
    assert info
    system.faas("gateway", "uninstall", "systemd", "--system")
    assert system.run("systemctl", "cat", UNIT, check=False).returncode != 0
