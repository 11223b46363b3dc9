"""A Swarm of three engines keeps serving when it loses one."""

import asyncio
import time
from collections import Counter

import pytest

pytestmark = pytest.mark.integration

RECOVERY = 10.0
"""Seconds after which no call may fail any more."""
CONTAINERS = {"com.openfaas.scale.min": "6"}


class Callers:
    """Calls all endpoints in turn, as the proxy would, and records when one failed."""

    def __init__(self, world):
        self._world, self._number, self._over = world, 0, False
        self.failed, self.answers = [], Counter()

    async def __aenter__(self):
        self._tasks = [asyncio.create_task(self._call()) for _ in range(4)]
        return self

    async def __aexit__(self, *_):
        self._over = True
        await asyncio.gather(*self._tasks)

    async def _call(self):
        while not self._over:
            endpoints = self._world.endpoints()
            self._number += 1
            try:
                endpoint = endpoints[self._number % len(endpoints)]
                self.answers[await asyncio.to_thread(self._world.call, b"x", endpoint, 1.0)] += 1
            except (OSError, ZeroDivisionError):
                self.failed.append(time.monotonic())
            await asyncio.sleep(0.02)


def nodes_of(world):
    """Which nodes the tasks of the route run on."""
    tasks = {task["ID"]: task["NodeID"] for task in world.client.api.tasks()}
    return {tasks[endpoint.instance] for endpoint in world.endpoints()}


def test_a_machine_goes_and_versions_change(large):
    """Spread over three; an update fails no call; one is cut off, then killed: calls recover within ten seconds."""
    victim = large.cluster.machines[2]

    async def scenario(provider):
        await provider.deploy(large.deployment(labels=CONTAINERS))
        await large.until(lambda: len(large.endpoints()) == 6 and len(nodes_of(large)) == 3, 60)
        async with Callers(large) as callers:
            await provider.update(large.deployment(labels=CONTAINERS, env_vars={"GREETING": "bye"}))
            await large.until(lambda: callers.answers[b"bye|x|"] > 20)
        assert callers.failed == []
        assert callers.answers[b"hi|x|"]
        await large.until(lambda: len(nodes_of(large)) == 3)

        async with Callers(large) as callers:
            cut = time.monotonic()
            await asyncio.to_thread(victim.cut_off)
            await asyncio.sleep(RECOVERY)
            await asyncio.to_thread(victim.kill)
            before = sum(callers.answers.values())
            await large.until(lambda: sum(callers.answers.values()) > before + 100)
            # The Swarm makes up for what it lost.
            await large.until(lambda: len(large.endpoints()) == 6, 90)
        assert len(nodes_of(large)) == 2
        recovered = max(callers.failed, default=cut) - cut
        print(f"\nlast failed call {recovered:.1f} s after the cut, {len(callers.failed)} of {before} failed")
        assert recovered < RECOVERY

    large.run(scenario)
