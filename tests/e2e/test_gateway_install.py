"""The gateway as containers: installed by one command, used like any other, and removed without a trace."""

import io
import json
import re
import socket
import tarfile
import time
import urllib.request
import uuid

import docker
import pytest

from tests import stand_ins

pytestmark = pytest.mark.e2e

LIMIT = 60


@pytest.fixture(scope="module")
def client(missing):
    """The engine, with stand-ins for the images nobody can pull here."""
    found = docker.from_env()
    try:
        found.ping()
    except docker.errors.DockerException:
        missing("a container engine", "systemctl start docker")
    stand_ins.ensure(missing)
    stand_ins.base_images.ensure(["golang:1.25-alpine"])
    yield found
    found.close()


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
