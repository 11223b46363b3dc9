"""What a function can do in its container, read from the kernel, and whom it reaches."""

import subprocess
import sys
from pathlib import Path

import pytest

from faas_runtime.core.api import FunctionNamespace
from faas_runtime.providers.base import FunctionKey
from tests.integration.docker_provider.conftest import build

pytestmark = pytest.mark.integration

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 8080), 2).close()"


def rights(container):
    """Capabilities, no-new-privileges and seccomp mode of its first process, and of any it could get."""
    status = Path(f"/proc/{container.attrs['State']['Pid']}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    names = ("CapEff", "CapPrm", "CapBnd", "CapInh", "NoNewPrivs", "Seccomp")
    return {name: int(fields[name], 16) for name in names}


def reaches(container, address):
    """Whether a process in the container's network can connect to an address."""
    command = ["nsenter", "-t", str(container.attrs["State"]["Pid"]), "-n", sys.executable, "-c", CONNECT, address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def address(container):
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    return network["IPAddress"]


def named(world, name, namespace="openfaas-fn"):
    labels = [f"io.faas.function={name}", f"io.faas.namespace={namespace}", f"io.faas.gateway={world.instance}"]
    (found,) = world.client.containers.list(filters={"label": labels})
    return found


def test_nothing_is_allowed_by_default(world):
    """No capability, not even one to gain; no new privileges; the engine's seccomp filter; limits."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        found = named(world, "fn")
        assert rights(found) == {"CapEff": 0, "CapPrm": 0, "CapBnd": 0, "CapInh": 0, "NoNewPrivs": 1, "Seccomp": 2}
        host = found.attrs["HostConfig"]
        assert (host["PidsLimit"], host["Memory"]) == (1024, 1024**3)
        assert world.call() == b"hi|x|"

    world.run(scenario)


def test_one_capability_more(world):
    """An annotation allows it, and nothing else."""

    async def scenario(provider):
        await provider.deploy(world.deployment(annotations={"com.faas.capabilities": "NET_RAW"}))
        found = rights(named(world, "fn"))
        assert (found["CapEff"], found["CapBnd"], found["NoNewPrivs"]) == (1 << 13, 1 << 13, 1)

    world.run(scenario)


def test_a_read_only_root_where_the_image_allows_it(world, client):
    """The label of the image decides; the function still answers."""
    tag = world.image.replace(":1", ":labelled")
    build(client, tag, {}, f'FROM {world.image}\nLABEL io.faas.read-only-root="true"\n')

    async def scenario(provider):
        await provider.deploy(world.deployment(image=tag))
        assert named(world, "fn").attrs["HostConfig"]["ReadonlyRootfs"]
        assert world.call() == b"hi|x|"
        await provider.update(world.deployment(image=tag, annotations={"com.faas.root": "writable"}))
        await world.until(lambda: len(world.containers()) == 1)
        assert not named(world, "fn").attrs["HostConfig"]["ReadonlyRootfs"]

    try:
        world.run(scenario)
    finally:
        client.images.remove(tag, force=True)


def test_a_namespace_is_a_network(world):
    """Functions reach the others of their namespace and no function of another; the network goes with the namespace."""

    async def scenario(provider):
        await provider.create_namespace(FunctionNamespace(name="dev"))
        await provider.deploy(world.deployment())
        await provider.deploy(world.deployment(service="other"))
        await provider.deploy(world.deployment(namespace="dev"))
        here, neighbour, stranger = named(world, "fn"), named(world, "other"), named(world, "fn", "dev")
        assert reaches(here, address(neighbour))
        assert not reaches(here, address(stranger))
        assert not reaches(stranger, address(here))
        # The gateway reaches all.
        assert world.call(endpoint=world.routes[FunctionKey("fn", "dev")].endpoints[0]) == b"hi|x|"
        await provider.delete_namespace("dev")
        await world.until(
            lambda: [each.name for each in world.client.networks.list(names=[world.network])] == [world.network]
        )

    world.run(scenario)
