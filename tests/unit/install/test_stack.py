"""The stack for a Swarm, and that the file in `deploy/` says the same."""

from pathlib import Path

from faas_cli.gateway.install import layout
from faas_cli.gateway.install.layout import Layout, rendered, stack_document
from faas_runtime.providers.swarm.provider import NETWORK

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def test_stack_in_deploy():
    """`faas gateway install swarm --print` writes this file."""
    assert (DEPLOY / "docker-stack.yml").read_text() == rendered(stack_document(Layout()), layout.STACK_EXPLANATION)


def test_functions_network():
    """The gateway is on the network its functions are put on."""
    document = stack_document(Layout())
    assert document["networks"]["functions"] == {"external": True, "name": NETWORK}
    assert "functions" in document["services"]["gateway"]["networks"]
    assert all("functions" not in each["networks"] for key, each in document["services"].items() if key != "gateway")


def test_neither_mesh_nor_virtual_addresses():
    """Names lead to the tasks themselves, and the gateway's port is its node's."""
    services = stack_document(Layout(port=81))["services"]
    assert {each["deploy"]["endpoint_mode"] for each in services.values()} == {"dnsrr"}
    assert services["gateway"]["ports"] == [{"target": 8080, "published": 81, "protocol": "tcp", "mode": "host"}]


def test_all_at_home():
    """Data is on one node, and so are those who have it; another installation may have another home."""
    services = stack_document(Layout(name="b"))["services"]
    placed = [each["deploy"]["placement"]["constraints"] for each in services.values()]
    assert placed == [["node.labels.io.faas.home == b"]] * 4


def test_other_content_has_another_name(monkeypatch):
    """A Swarm refuses to change a configuration."""
    before = stack_document(Layout())["configs"]["rules.yml"]["name"]
    monkeypatch.setitem(layout.CONFIGS, "rules.yml", "groups: []\n")
    assert stack_document(Layout())["configs"]["rules.yml"]["name"] != before


def test_no_secret_in_the_stack():
    """Both are secrets of the Swarm, made before it."""
    secrets = stack_document(Layout())["secrets"]
    assert secrets["basic-auth-password"] == {"external": True, "name": "faas-basic-auth-password"}
