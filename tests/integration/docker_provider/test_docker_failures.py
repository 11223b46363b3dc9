"""Failures of real containers, and how the provider recovers."""

import asyncio
import contextlib
import time

import pytest

from faas_runtime.core.errors import StartFailed, Unavailable
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.docker import DockerProvider
from faas_runtime.providers.docker.spec import INSTANCE_LABEL

pytestmark = pytest.mark.integration

KEY = FunctionKey("fn", "openfaas-fn")


def test_a_container_that_ends_at_once(world):
    """Reported at once, with its last lines; nothing is left behind."""

    async def scenario(provider):
        begun = time.monotonic()
        with pytest.raises(StartFailed, match="no reason to live"):
            await provider.deploy(world.deployment(image=world.image.replace(":1", ":dead")))
        assert time.monotonic() - begun < 2
        await world.until(lambda: not world.containers(everything=True))

    world.run(scenario)


def test_a_failed_update_leaves_the_old_version(world):
    """The old version stays as it was."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        with pytest.raises(StartFailed):
            await provider.update(world.deployment(image=world.image.replace(":1", ":dead")))
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        assert len(world.containers()) == 1

    world.run(scenario)


def test_a_killed_container_is_replaced(world):
    """The engine's events report it."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        (container,) = world.containers()
        container.kill()
        await world.until(lambda: any(not change.endpoints for change in world.history[1:]))
        await world.until(lambda: len(world.routes[KEY].endpoints) == 1)
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        assert [each.id for each in world.containers()] != [container.id]

    world.run(scenario)


def test_functions_are_found_again_after_a_restart(world):
    """The same containers keep running. One that ended meanwhile is replaced."""

    async def first(provider):
        await provider.deploy(world.deployment())
        await provider.scale(KEY, 2)
        await world.until(lambda: len(world.routes[KEY].endpoints) == 2)

    world.run(first)
    kept, lost = world.containers()
    lost.kill()
    world.routes.clear()

    async def second(provider):
        await world.until(lambda: KEY in world.routes and len(world.routes[KEY].endpoints) == 2)
        now = {container.id for container in world.containers()}
        assert kept.id in now
        assert lost.id not in now
        assert await asyncio.to_thread(world.call) == b"hi|x|"

    world.run(second)


def test_containers_of_others_are_left_alone(world, client, image):
    """Other containers are not touched, even with labels like ours."""
    stranger = client.containers.run(
        image, detach=True, labels={INSTANCE_LABEL: "somebody-else", "io.faas.function": "fn"}
    )
    try:

        async def scenario(provider):
            await provider.deploy(world.deployment())
            await provider.delete(KEY)

        world.run(scenario)
        stranger.reload()
        assert stranger.status == "running"
    finally:
        stranger.remove(force=True)


def test_an_engine_that_is_not_there(tmp_path, monkeypatch):
    """The error has the address and one sentence."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    async def scenario():
        with pytest.raises(Unavailable, match=r"no container engine answers at unix:///nowhere\.sock \(DOCKER_HOST\)"):
            await DockerProvider(tmp_path).start()

    asyncio.run(scenario())


def test_an_ill_container_is_replaced(world):
    """The image's own health check reports it."""
    image = world.image.replace(":1", ":ill")

    async def scenario(provider):
        await provider.deploy(world.deployment(image=image))
        first = world.routes[KEY].endpoints[0].instance
        await world.until(lambda: [each.instance for each in world.routes[KEY].endpoints] not in ([], [first]))
        await world.until(lambda: first not in [container.name for container in world.containers(everything=True)])

    world.run(scenario)


def test_a_container_that_keeps_ending(world):
    """Restarted with back-off, and reported by `health`."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        seen = set()
        for _ in range(4):
            await world.until(lambda: any(each.id not in seen for each in world.containers()))
            await world.until(lambda: world.routes[KEY].endpoints)
            (container,) = world.containers()
            seen.add(container.id)
            container.kill()
            await world.until(lambda: not world.routes[KEY].endpoints)
        assert (await provider.health())[f"function {KEY}"] == "a replica ended (exit code 137)"
        await world.until(lambda: world.routes[KEY].endpoints)
        assert await provider.health() == {"docker": "ok"}

    world.run(scenario)


def test_a_deployment_that_is_given_up(world):
    """The caller was cancelled: no container is left behind."""

    async def scenario(provider):
        deploying = asyncio.create_task(provider.deploy(world.deployment(image=world.image.replace(":1", ":mute"))))
        await world.until(world.containers)
        deploying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await deploying
        await world.until(lambda: not world.containers(everything=True))
        assert await provider.list("openfaas-fn") == []

    world.run(scenario)


def test_a_killed_function_can_be_deleted(world):
    """A deleted function's containers are not replaced."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        world.containers()[0].kill()
        await provider.delete(KEY)
        await world.until(lambda: not world.containers(everything=True))

    world.run(scenario)


def test_a_network_with_a_longer_name_is_another_one(world):
    """The engine's filter finds it for the shorter name, too."""
    longer = world.client.networks.create(f"{world.network}-more")
    try:

        async def scenario(provider):
            await provider.deploy(world.deployment())
            (container,) = world.containers()
            assert list(container.attrs["NetworkSettings"]["Networks"]) == [world.network]

        world.run(scenario)
    finally:
        longer.remove()


class Relay:
    """A socket in front of the engine's own, which can be closed and opened like a restarting engine's."""

    def __init__(self, path, target):
        self.path, self.target = path, target
        self._connections = set()

    async def open(self):
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def close(self):
        self._server.close()
        self.path.unlink()
        for writer in self._connections:
            writer.transport.abort()

    async def _serve(self, reader, writer):
        with contextlib.suppress(OSError):
            behind, before = await asyncio.open_unix_connection(self.target)
            self._connections |= {writer, before}
            await asyncio.gather(self._copy(reader, before), self._copy(behind, writer))

    async def _copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()


def test_the_engine_goes_and_comes_back(world, tmp_path, monkeypatch):
    """`health` reports it; calls continue; containers that ended are replaced when the engine is back."""
    relay = Relay(tmp_path / "engine.sock", "/var/run/docker.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{relay.path}")

    async def healthy(provider):
        return (await provider.health())["docker"] == "ok"

    async def scenario():
        await relay.open()
        provider = await world.open()
        await provider.deploy(world.deployment())
        (container,) = world.containers()
        await relay.close()
        assert not await healthy(provider)
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        with pytest.raises(Unavailable):
            await provider.deploy(world.deployment(service="other"))
        container.kill()
        await relay.open()
        # The pause between two attempts grows to half a minute while the engine is away.
        await world.until(lambda: any(each.id != container.id for each in world.containers()), limit=60)
        await world.until(lambda: world.routes[KEY].endpoints, limit=60)
        assert await asyncio.to_thread(world.call) == b"hi|x|"
        async with asyncio.timeout(60):
            while not await healthy(provider):
                await asyncio.sleep(0.1)
        await world.close()
        await relay.close()

    asyncio.run(scenario())
