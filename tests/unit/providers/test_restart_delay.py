"""The back-off of a replica that keeps ending: it doubles up to its maximum, and a healthy run resets it."""

import asyncio
from types import SimpleNamespace

import pytest

from faas_runtime.core.errors import StartFailed
from faas_runtime.providers.process import supervisor


class Replica:
    """Is ready for so many seconds and ends; with none it cannot be started."""

    instance, endpoint, pid = "r", None, 0

    def __init__(self, clock, ready_for):
        self.clock, self.ready_for = clock, ready_for

    async def launch(self):
        if self.ready_for is None:
            raise StartFailed("it cannot be started")

    async def until_ready(self):
        pass

    async def ended(self):
        self.clock.now += self.ready_for
        return 1

    async def stop(self, grace):
        pass


@pytest.fixture
def delays(monkeypatch):
    """The seconds waited between runs that were ready for these times."""

    def measure(runs):
        clock, left, waited = SimpleNamespace(now=1.0), list(runs), []

        async def sleep(seconds):
            waited.append(seconds)
            if not left:
                await asyncio.Event().wait()

        monkeypatch.setattr(supervisor, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
        monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: clock.now))
        spec = SimpleNamespace(key=SimpleNamespace(name="f"))
        owner = SimpleNamespace(new_replica=lambda: Replica(clock, left.pop(0)), changed=lambda: None, spec=spec)

        async def scenario():
            slot = supervisor.Slot(owner)
            while len(waited) < len(runs):
                await asyncio.sleep(0)
            await slot.stop(0)

        asyncio.run(scenario())
        return waited

    return measure


@pytest.mark.parametrize("ready_for", [None, 0.0, 9.9], ids=["never starts", "ends at once", "ends soon"])
def test_each_delay_is_twice_the_one_before(delays, ready_for):
    """Up to half a minute."""
    assert delays([ready_for] * 11) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_a_healthy_run_resets_it(delays):
    """Ten seconds of being ready are healthy."""
    assert delays([None, None, None, 10.0, None]) == [0.1, 0.2, 0.4, 0.1, 0.2]
