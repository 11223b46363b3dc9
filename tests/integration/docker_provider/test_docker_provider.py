"""The Docker engine as a provider: real containers, also checked from outside."""

import asyncio
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from faas_runtime.core.api import FunctionResources, Secret
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound
from faas_runtime.providers.base import FunctionKey

pytestmark = pytest.mark.integration

KEY = FunctionKey("fn", "openfaas-fn")


def test_a_function_is_deployed_called_and_deleted(world):
    """One container, on loopback only, with our labels; nothing of it is left."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        assert await asyncio.to_thread(world.call, b"you") == b"hi|you|"
        (container,) = world.containers()
        assert container.attrs["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"] == "127.0.0.1"
        assert "no-new-privileges" in container.attrs["HostConfig"]["SecurityOpt"]
        status = await provider.get(KEY)
        assert (status.replicas, status.available_replicas) == (1, 1)
        with pytest.raises(AlreadyExists):
            await provider.deploy(world.deployment())
        await provider.delete(KEY)
        assert KEY not in world.routes
        with pytest.raises(NotFound):
            await provider.get(KEY)
        await world.until(lambda: not world.containers(everything=True))

    world.run(scenario)


def test_limits_and_a_read_only_root(world):
    """The engine enforces the deployment's settings."""

    async def scenario(provider):
        limits = FunctionResources(memory="64Mi", cpu="500m")
        await provider.deploy(world.deployment(limits=limits, read_only_root_filesystem=True))
        (container,) = world.containers()
        host = container.attrs["HostConfig"]
        assert (host["Memory"], host["NanoCpus"], host["ReadonlyRootfs"]) == (64 * 1024 * 1024, 500_000_000, True)
        assert "/tmp" in host["Tmpfs"]
        assert await asyncio.to_thread(world.call) == b"hi|x|"

    world.run(scenario)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "127.0.0.1:1/nobody/has:this"}, "cannot be pulled"),
        ({"secrets": ["none"]}, "secret `none`"),
        ({"limits": FunctionResources(memory="lots")}, "limits.memory"),
        ({"namespace": "nowhere"}, "namespace `nowhere`"),
    ],
)
def test_what_cannot_be_deployed(world, changes, words):
    """Refused with the field's name; nothing is left behind."""

    async def scenario(provider):
        with pytest.raises(Invalid, match=words):
            await provider.deploy(world.deployment(**changes))
        assert world.containers(everything=True) == []
        assert await provider.list("openfaas-fn") == []

    world.run(scenario)


def test_no_call_fails_while_versions_change(world):
    """The route always has a ready replica; the old one finishes its running calls."""

    async def scenario(provider):
        await provider.deploy(world.deployment(env_vars={"GREETING": "v0", "PAUSE": "200ms"}))
        failures, seen, over = [], set(), asyncio.Event()

        async def caller():
            while not over.is_set():
                try:
                    seen.add((await asyncio.to_thread(world.call)).split(b"|")[0])
                except (OSError, urllib.error.URLError, IndexError) as err:
                    failures.append(err)

        callers = [asyncio.create_task(caller()) for _ in range(4)]
        for number in (1, 2):
            await provider.update(world.deployment(env_vars={"GREETING": f"v{number}", "PAUSE": "200ms"}))
            await asyncio.sleep(0.5)
        over.set()
        await asyncio.gather(*callers)
        assert failures == []
        assert {b"v0", b"v1", b"v2"} <= seen
        await world.until(lambda: len(world.containers()) == 1)

    world.run(scenario)


def test_scaling(world):
    """Up, down, and to zero."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        await provider.scale(KEY, 3)
        await world.until(lambda: len(world.routes[KEY].endpoints) == 3)
        assert len(world.containers()) == 3
        await provider.scale(KEY, 0)
        await world.until(lambda: world.routes[KEY].endpoints == ())
        await world.until(lambda: not world.containers(everything=True))
        await provider.scale(KEY, 1)
        await world.until(lambda: len(world.routes[KEY].endpoints) == 1)
        assert await asyncio.to_thread(world.call) == b"hi|x|"

    world.run(scenario)


def test_secrets_are_files_and_nothing_else(world):
    """Neither in the environment nor in the engine's description; a change is visible at once."""

    async def scenario(provider):
        await provider.create_secret(Secret(name="word", namespace="openfaas-fn", value="sesame"))
        await provider.deploy(world.deployment(secrets=["word"]))
        assert await asyncio.to_thread(world.call) == b"hi|x|sesame"
        (container,) = world.containers()
        assert "sesame" not in str(container.attrs)
        (mount,) = container.attrs["Mounts"]
        assert (mount["Destination"], mount["RW"]) == ("/var/openfaas/secrets", False)
        assert mount["Source"].startswith("/dev/shm/")
        await provider.update_secret(Secret(name="word", namespace="openfaas-fn", value="changed"))
        assert await asyncio.to_thread(world.call) == b"hi|x|changed"
        await provider.delete(KEY)

    world.run(scenario)


def test_what_is_deployed_while_it_is_being_deployed(world):
    """The second of two concurrent deployments is refused."""

    async def scenario(provider):
        results = await asyncio.gather(*(provider.deploy(world.deployment()) for _ in range(3)), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["AlreadyExists", "AlreadyExists", "NoneType"]
        assert len(world.containers()) == 1

    world.run(scenario)


def test_a_stop_right_after_a_delete_leaves_nothing(world):
    """Neither containers nor secrets in shared memory, although a call still runs."""

    async def scenario(provider):
        await provider.create_secret(Secret(name="word", namespace="openfaas-fn", value="sesame"))
        await provider.deploy(world.deployment(secrets=["word"], env_vars={"PAUSE": "60s"}))
        await world.until(lambda: world.routes[KEY].endpoints)
        endpoint = world.routes[KEY].endpoints[0]
        call = asyncio.create_task(asyncio.to_thread(world.call, b"", endpoint))
        await world.until(lambda: any("program" in " ".join(each) for each in world.containers()[0].top()["Processes"]))
        await provider.delete(KEY)
        calls.append(call)

    calls = []

    async def whole():
        await world.open()
        await scenario(world.provider)
        await world.close()
        # The container was killed while it answered.
        with pytest.raises(OSError):
            await calls[0]

    asyncio.run(whole())
    assert world.containers(everything=True) == []
    shared = Path(f"/dev/shm/faas-{os.getuid()}-{world.instance}")
    assert [path for path in shared.rglob("*") if path.is_file()] == []
