"""What is installed, and that the files in `deploy/` say the same."""

from pathlib import Path

import pytest
import yaml

from faas_cli.errors import UsageError
from faas_cli.gateway.install import containers
from faas_cli.gateway.install.compose import address_of, check_name
from faas_cli.gateway.install.layout import (
    COMPOSE_EXPLANATION,
    CONFIGS,
    Layout,
    compose_document,
    config_target,
    rendered,
)

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_in_deploy(name):
    """The files are the documents of the default options."""
    assert (DEPLOY / name).read_text() == CONFIGS[name]
    assert yaml.safe_load(CONFIGS[name])


def test_compose_in_deploy():
    """`faas gateway install compose --print` writes this file."""
    assert (DEPLOY / "compose.yml").read_text() == rendered(compose_document(Layout()), COMPOSE_EXPLANATION)


def test_everything_named_is_there():
    """Volumes, networks, secrets and configurations that services use are declared."""
    document = compose_document(Layout())
    for service in document["services"].values():
        assert set(service["networks"]) <= set(document["networks"])
        assert set(service.get("secrets", [])) <= set(document["secrets"])
        assert set(config_target(service)) <= set(document["configs"])
        for volume in service.get("volumes", []):
            assert volume.startswith("/") or volume.partition(":")[0] in document["volumes"]


def test_nobody_but_the_gateway_can_be_reached():
    """Queue, metrics and alerts are on a network that functions are not on, and publish nothing."""
    services = compose_document(Layout())["services"]
    gateway = services.pop("gateway")
    assert gateway["ports"] == ["127.0.0.1:8080:8080"]
    assert all("ports" not in each and set(each["networks"]) == {"control"} for each in services.values())


def test_no_secret_in_the_document():
    """The password is in a file, and the gateway is not root."""
    document = compose_document(Layout(group="998"))
    assert document["services"]["gateway"]["user"] == "65532:998"
    assert document["secrets"]["basic-auth-password"] == {"file": "./secrets/basic-auth-password"}


def test_several_on_one_engine():
    """The state directory has the installation's name, which distinguishes the functions of several gateways."""
    command = compose_document(Layout(name="b"))["services"]["gateway"]["command"]
    assert command[command.index("--state-dir") + 1] == "/var/lib/faas/b"


@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "A", "a" * 32, "a/b"])
def test_names_that_are_refused(name):
    """Before they are in a path, a label or a host name."""
    with pytest.raises(UsageError, match="is not a valid name"):
        check_name(name)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:80"), ("::1", "http://[::1]:80"), ("10.0.0.1", "http://10.0.0.1:80")],
)
def test_address(host, url):
    """Where this machine reaches it."""
    assert address_of(Layout(host=host, port=80)) == url


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:80:8080", ("8080/tcp", ("127.0.0.1", 80))),
        ("::1:80:8080", ("8080/tcp", ("::1", 80))),
    ],
)
def test_ports(text, found):
    """As the engine's client takes them."""
    assert containers._port(text) == found


def test_gateway_is_started_last():
    """What it needs is there then."""
    assert containers._in_order(compose_document(Layout())["services"])[-1] == "gateway"
