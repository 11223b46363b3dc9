"""Readers of routing changes, and waiting for their acknowledgement."""

import asyncio
from typing import Any

from faas_runtime.providers.base import FunctionKey, RouteRemoved
from faas_runtime.providers.common.feed import RoutingFeed

ONE = RouteRemoved(FunctionKey("one", "openfaas-fn"))
TWO = RouteRemoved(FunctionKey("two", "openfaas-fn"))


def test_a_reader_gets_the_present_and_then_every_change():
    async def scenario():
        feed = RoutingFeed()
        reader: Any = feed.read([ONE])
        assert await anext(reader) == ONE
        feed.publish(TWO)
        assert await anext(reader) == TWO
        await reader.aclose()

    asyncio.run(scenario())


def test_acknowledged_waits_until_the_reader_asks_for_more():
    async def scenario():
        feed = RoutingFeed()
        applied, may_go_on = [], asyncio.Event()

        async def follow():
            async for change in feed.read([]):
                await may_go_on.wait()
                applied.append(change)

        reader = asyncio.create_task(follow())
        await asyncio.sleep(0)
        feed.publish(ONE)
        waiting = asyncio.create_task(feed.acknowledged())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()

        may_go_on.set()
        await waiting
        assert applied == [ONE]
        reader.cancel()

    asyncio.run(scenario())


def test_nobody_waits_for_a_reader_that_has_gone():
    async def scenario():
        feed = RoutingFeed()
        reader: Any = feed.read([ONE, TWO])
        await anext(reader)
        await reader.aclose()
        await asyncio.wait_for(feed.acknowledged(limit=60), 5)

    asyncio.run(scenario())
