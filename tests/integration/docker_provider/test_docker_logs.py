"""Output and usage of real containers."""

import asyncio
import time

import pytest

from faas_runtime.providers.base import FunctionKey, LogQuery

pytestmark = pytest.mark.integration

KEY = FunctionKey("fn", "openfaas-fn")


def test_logs(world):
    """The function's output with the container's name and time; following ends with its reader."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        await asyncio.to_thread(world.call)
        (name,) = [container.name for container in world.containers()]
        found = [line async for line in provider.logs(LogQuery(KEY))]
        assert any("noted" in line.text for line in found)
        assert {line.instance for line in found} == {name}
        assert all(line.timestamp.endswith("Z") for line in found)
        following = provider.logs(LogQuery(KEY, follow=True))
        noted = 0
        async with asyncio.timeout(10):
            async for line in following:
                noted += "noted" in line.text
                if noted == 1:
                    await asyncio.to_thread(world.call)
                if noted == 2:
                    break
        await following.aclose()

    world.run(scenario)


def test_logs_follow_new_replicas(world):
    """Those of a new version too, until the function is deleted."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        lines = []

        async def follow():
            async for line in provider.logs(LogQuery(KEY, follow=True, tail=0)):
                lines.append(line)

        def heard():
            return {line.instance for line in lines if "noted" in line.text}

        following = asyncio.create_task(follow())
        async with asyncio.timeout(30):
            while not heard():  # what was said before following began is not asked for
                await asyncio.to_thread(world.call)
                await asyncio.sleep(0.1)
        await provider.update(world.deployment(env_vars={"GREETING": "new"}))
        await asyncio.to_thread(world.call)
        await world.until(lambda: len(heard()) == 2)
        await provider.delete(KEY)
        await asyncio.wait_for(following, 20)

    world.run(scenario)


def test_the_last_lines_of_all_replicas(world):
    """In order of time, and limited by `tail`."""

    async def scenario(provider):
        await provider.deploy(world.deployment(labels={"com.openfaas.scale.min": "2"}))
        assert len(world.routes[KEY].endpoints) == 2
        for _ in range(3):
            for endpoint in world.routes[KEY].endpoints:
                await asyncio.to_thread(world.call, b"x", endpoint)
        everything = []
        while sum("Duration" in line.text for line in everything) < 6:  # the watchdog's last word on each call
            everything = [line async for line in provider.logs(LogQuery(KEY))]
        assert [line.timestamp for line in everything] == sorted(line.timestamp for line in everything)
        assert [line async for line in provider.logs(LogQuery(KEY, tail=3))] == everything[-3:]
        one = everything[-1].instance
        found = [line async for line in provider.logs(LogQuery(KEY, instance=one))]
        assert found == [line for line in everything if line.instance == one]

    world.run(scenario)


def test_usage_and_the_engine_by_name(world):
    """The engine's counters, without waiting for a second reading."""

    async def scenario(provider):
        await provider.deploy(world.deployment())
        begun = time.monotonic()
        status = await provider.get(KEY)
        assert time.monotonic() - begun < 0.8
        assert status.usage.total_memory_bytes > 100_000
        assert (await provider.info()).orchestration == f"docker {world.client.version()['Version']}"

    world.run(scenario)
