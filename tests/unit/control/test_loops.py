"""Background loops that fail, and go on."""

import asyncio

from faas_runtime.gateway import background
from faas_runtime.gateway.background import Loops


def test_a_loop_that_fails_says_why_and_is_started_again(monkeypatch):
    monkeypatch.setattr(background, "RESTART_INTERVAL", 0.0)

    async def scenario():
        runs, again = [], asyncio.Event()

        async def work():
            runs.append(1)
            if len(runs) == 1:
                raise OSError("disk full")
            again.set()
            await asyncio.Event().wait()

        async def well():
            await asyncio.Event().wait()

        owner = Loops()
        owner.start("cron", work)
        owner.start("scaler", well)
        await asyncio.wait_for(again.wait(), 5)
        states = owner.states()
        await owner.stop()
        return states

    assert asyncio.run(scenario()) == {"cron": "OSError: disk full", "scaler": ""}
