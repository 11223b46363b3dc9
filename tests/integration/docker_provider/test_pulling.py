"""Images from a registry that requires a password."""

import asyncio
import base64
import contextlib
import json
import uuid
from pathlib import Path

import docker
import pytest

from faas_runtime.core.api import Secret
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.base import FunctionKey
from tests.integration.registry.conftest import PASSWORD, USER, registry, write_docker_config

pytestmark = pytest.mark.integration

__all__ = ["registry"]

KEY = FunctionKey("fn", "openfaas-fn")


@pytest.fixture
def closed(client, image, registry, tmp_path, monkeypatch):
    """An image that only the registry has; the gateway's user has an empty Docker config."""
    name = f"{registry}/closed/{uuid.uuid4().hex[:8]}:1"
    client.images.get(image).tag(name)
    client.images.push(name, auth_config={"username": USER, "password": PASSWORD})
    client.images.remove(name)
    folder = tmp_path / "docker-config"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    yield name
    with contextlib.suppress(docker.errors.ImageNotFound):
        client.images.remove(name, force=True)


def secret_of(registry, password=PASSWORD):
    """A secret that is a Docker config."""
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return Secret(name="pull", namespace="openfaas-fn", value=json.dumps({"auths": {registry: {"auth": auth}}}))


def test_with_the_credentials_of_the_docker_config(world, closed, registry, tmp_path):
    """A login after the gateway's start counts; without one, the error has a hint."""

    async def scenario(provider):
        with pytest.raises(Invalid, match=r"cannot be pulled: .*log in with `docker login`") as caught:
            await provider.deploy(world.deployment(image=closed))
        assert "\n" not in str(caught.value)
        assert await provider.list("openfaas-fn") == []
        write_docker_config(tmp_path / "docker-config", registry)
        await provider.deploy(world.deployment(image=closed))
        assert await asyncio.to_thread(world.call, b"you") == b"hi|you|"

    world.run(scenario)


def test_with_a_secret_of_the_function(world, closed, registry):
    """Pull credentials are for the engine: the function sees only its other secrets."""

    async def scenario(provider):
        await provider.create_secret(secret_of(registry))
        await provider.create_secret(Secret(name="word", namespace="openfaas-fn", value="sesame"))
        await provider.deploy(world.deployment(image=closed, secrets=["word", "pull"]))
        assert await asyncio.to_thread(world.call) == b"hi|x|sesame"
        (container,) = world.containers()
        (mount,) = container.attrs["Mounts"]
        assert [path.name for path in Path(mount["Source"]).iterdir()] == ["word"]
        await provider.delete(KEY)

    world.run(scenario)


def test_with_nothing_but_that_secret(world, closed, registry):
    """The function runs without secrets."""

    async def scenario(provider):
        await provider.create_secret(secret_of(registry))
        await provider.deploy(world.deployment(image=closed, secrets=["pull"]))
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        await provider.delete(KEY)

    world.run(scenario)


def test_with_a_secret_that_is_wrong(world, closed, registry):
    """Refused in one line; nothing is left behind."""

    async def scenario(provider):
        await provider.create_secret(secret_of(registry, "wrong"))
        with pytest.raises(Invalid, match=r"cannot be pulled"):
            await provider.deploy(world.deployment(image=closed, secrets=["pull"]))
        assert world.containers(everything=True) == []

    world.run(scenario)
