"""The gateway as a service of a real systemd, on a minimal Debian."""

import pytest

from faas_cli.devloop.foreground import free_port
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
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    system.run("mkdir", "-p", "/var/lib/private/faas")
    system.run("sh", "-c", "echo 'metrics_port = 0' > /var/lib/private/faas/gateway.toml")
    done = system.faas("gateway", "install", "systemd", "--system", "--port", str(port))
    assert url in done.stdout
    assert system.run("systemctl", "is-active", UNIT).stdout.strip() == "active"
    system.run("mkdir", "-p", "/root/work")
    system.faas("new", "--lang", "python", "hello", folder="/root/work")
    to = ["--gateway", url]
    # This Debian has no `unittest`.
    done = system.faas("up", "-f", "hello.yml", "--no-test", "--builder", "oci", *to, folder="/root/work")
    assert "Uploading hello:latest" in done.stdout + done.stderr
    assert "Hello" in system.faas("invoke", "hello", *to, folder="/root/work").stdout
    system.faas("gateway", "uninstall", "systemd", "--system")
    assert system.run("systemctl", "cat", UNIT, check=False).returncode != 0
