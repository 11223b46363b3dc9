"""The gateway as containers: installed by one command, used like any other, and removed without a trace."""

import io
import json
import re
import socket
import tarfile
import time
import urllib.request
import uuid
from dataclasses import replace

import pytest

from faas_cli.gateway.install.image import BASE, IMAGE
from faas_cli.gateway.install.layout import ALERTMANAGER, NATS, PROMETHEUS
from tests import stand_ins
from tests.images import make_base_images
from tests.swarm import Cluster, lacking

pytestmark = pytest.mark.e2e

LIMIT = 60


@pytest.fixture(scope="module")
def client(missing, engine_client):
    """The engine, with stand-ins for the images nobody can pull here."""
    stand_ins.ensure(missing)
    make_base_images.ensure(["golang:1.25-alpine"])
    return engine_client


@pytest.fixture
def name(client):
    """A name of this test's own; nothing of it is left behind."""
    chosen = f"faas-test-{uuid.uuid4().hex[:8]}"
    yield chosen
    for container in of(client, chosen):
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"label": f"io.faas.install={chosen}"}):
        volume.remove(force=True)
    for network in client.networks.list(filters={"label": f"io.faas.install={chosen}"}):
        network.remove()


def of(client, name):
    """Containers of an installation."""
    return client.containers.list(all=True, filters={"label": f"io.faas.install={name}"})


def free_port():
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def until(condition):
    """What the condition gives once it is true."""
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, condition
        time.sleep(0.2)
    return found


def ask(client, container, port, path):
    """GET from a container that publishes no port."""
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    address = next(network["IPAddress"] for network in networks if network["IPAddress"])
    with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=5) as answer:
        return json.loads(answer.read())


def test_compose(shell, client, name):
    """Install, log in, build, deploy with a secret, invoke both ways, scrape, delete, uninstall."""
    done = shell.faas("gateway", "install", "compose", "--name", name, "--port", free_port())
    url = re.search(r"Gateway: (\S+)", done.stdout.decode())[1]
    shell.env["OPENFAAS_URL"] = url
    services = {container.labels["io.faas.install.service"]: container for container in of(client, name)}
    assert set(services) == {"gateway", "nats", "prometheus", "alertmanager"}
    assert services["gateway"].attrs["Config"]["User"].startswith("65532:")
    until(lambda: client.containers.get(services["gateway"].id).attrs["State"]["Health"]["Status"] == "healthy")

    function = f"f{uuid.uuid4().hex[:8]}"
    shell.faas("new", "--lang", "go", function, "--prefix", name)
    shell.faas("build", "-f", f"{function}.yml", "--builder", "docker")
    image = f"{name}/{function}:latest"
    try:
        shell.faas("secret", "create", "word", stdin=b"swordfish")
        shell.faas("deploy", "-f", f"{function}.yml", "--secret", "word")
        assert shell.faas("invoke", function, stdin=b"test").stdout == b"Hello, Go. You said: test"
        replica = client.containers.list(filters={"label": f"io.faas.function={function}"})[0]
        assert replica.attrs["HostConfig"]["PortBindings"] in (None, {})
        mounted = replica.attrs["Mounts"][0]
        assert mounted["Destination"] == "/var/openfaas/secrets"
        assert mounted["RW"] is False
        archive = io.BytesIO(b"".join(replica.get_archive("/var/openfaas/secrets/word")[0]))
        assert tarfile.open(fileobj=archive).extractfile("word").read() == b"swordfish"
        shell.faas("invoke", function, "--async", stdin=b"later")
        query = (
            f"/api/v1/query?query=gateway_function_invocation_total%7Bfunction_name%3D%22{function}.openfaas-fn%22%7D"
        )

        def counted():
            found = ask(client, services["prometheus"], 9090, query)["data"]["result"]
            return sum(int(each["value"][1]) for each in found) >= 2

        until(counted)
        shell.faas("delete", function)
        assert shell.faas("list", "-q").stdout == b""
        shell.faas("secret", "remove", "word")
    finally:
        client.images.remove(image, force=True)
    left_behind = shell.faas("gateway", "uninstall", "compose", "--name", name).stdout.decode()
    assert "the data is kept" in left_behind
    assert of(client, name) == []
    assert len(client.volumes.list(filters={"label": f"io.faas.install={name}"})) == 3
    shell.faas("gateway", "uninstall", "compose", "--name", name, "--volumes")
    assert client.volumes.list(filters={"label": f"io.faas.install={name}"}) == []
    assert client.networks.list(filters={"label": f"io.faas.install={name}"}) == []
    assert "nothing is installed" in shell.fails("gateway", "uninstall", "compose", "--name", name)


@pytest.fixture
def manager(client, missing):
    """A Swarm of one machine that has the images."""
    if (lack := lacking()) is not None:
        missing(*lack.args)
    cluster = Cluster(1)
    try:
        for image in (BASE, NATS, PROMETHEUS, ALERTMANAGER):
            cluster.manager.take(image, client)
        yield cluster.manager
    finally:
        cluster.close()


def test_swarm(shell, client, manager):
    """The walkthrough of 2018: install, new, build, deploy, `docker service ls`, invoke, delete; nothing is left."""
    engine = {"DOCKER_HOST": manager.socket}
    before = (manager.client.networks.list(), manager.client.volumes.list())
    cluster = replace(shell, env={**shell.env, **engine})
    done = cluster.faas("gateway", "install", "swarm")
    url = re.search(r"Gateway: (\S+)", done.stdout.decode())[1]
    for each in (shell, cluster):
        each.env["OPENFAAS_URL"] = url
    shell.faas("new", "--lang", "go", "gohash", "--prefix", "walk")
    shell.faas("build", "-f", "gohash.yml", "--builder", "docker")
    image = "walk/gohash:latest"
    try:
        manager.take(image, client)
    finally:
        client.images.remove(image, force=True)
    assert "faas-swarm" in shell.faas("version", "--gateway", url).stdout.decode()
    shell.faas("secret", "create", "word", stdin=b"swordfish")
    shell.faas("deploy", "-f", "gohash.yml", "--secret", "word")
    listed = cluster.run("docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}}").stdout.decode()
    running = dict(line.split(" ", 1) for line in listed.splitlines())
    names = {"faas_gateway", "faas_prometheus", "faas_alertmanager", "faas_nats"}
    assert names < set(running)
    assert any("gohash" in each for each in set(running) - names)
    until(
        lambda: all(
            " 1/1" in f" {line}"
            for line in cluster.run("docker", "service", "ls", "--format", "{{.Replicas}}").stdout.decode().splitlines()
        )
    )
    assert shell.faas("invoke", "gohash", stdin=b"test").stdout == b"Hello, Go. You said: test"
    shell.faas("invoke", "gohash", "--async", stdin=b"later")
    # Installing once more updates what is there, and the login stays good.
    cluster.faas("gateway", "install", "swarm", "--image", IMAGE)
    until(lambda: shell.faas("list", "-q", check=False).stdout == b"gohash\n")
    shell.faas("delete", "-f", "gohash.yml")
    assert shell.faas("list", "-q").stdout == b""

    cluster.faas("gateway", "uninstall", "swarm", "--volumes")
    assert manager.client.services.list() == []
    assert manager.client.secrets.list() == []
    assert manager.client.configs.list() == []
    ends = {"ingress", "docker_gwbridge"}  # the Swarm's own
    left = {network.name for network in manager.client.networks.list()} - ends
    assert left == {network.name for network in before[0]} - ends
    assert manager.client.volumes.list() == before[1]
    assert manager.client.nodes.list()[0].attrs["Spec"]["Labels"] == {}
    assert "nothing is installed" in cluster.fails("gateway", "uninstall", "swarm")
