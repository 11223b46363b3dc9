"""The life of an asynchronous call in the SQLite queue, with the test's clock."""

import asyncio

import pytest

from faas_runtime.gateway.queue.model import CallResult, NewCall, State
from faas_runtime.gateway.queue.sqlite import SqliteQueue
from faas_runtime.providers.base import FunctionKey

KEY = FunctionKey("resize", "openfaas-fn")


class Hands:
    """A clock that the test sets."""

    def __init__(self):
        self.time = 1000.0

    def now(self):
        return self.time


def call(call_id="a", key=KEY, **more):
    return NewCall(call_id, key, "/x", "q=1", (("X-Call-Id", call_id),), b"body", **more)


def scenario(steps):
    """Run `steps(queue, clock)` against a queue of its own in memory."""

    async def run():
        clock = Hands()
        queue = SqliteQueue(":memory:", clock)
        await queue.open()
        try:
            await steps(queue, clock)
        finally:
            await queue.close()

    asyncio.run(run())


def test_a_call_is_claimed_with_everything_it_came_with():
    """Path, query, headers and body reach the worker unchanged."""

    async def steps(queue, clock):
        await queue.put(call(callback="http://example.net/"))
        [claim] = await queue.claim(KEY, 5, 30)
        assert (claim.call.path, claim.call.query, claim.call.body) == ("/x", "q=1", b"body")
        assert claim.call.headers == (("X-Call-Id", "a"),)
        assert claim.call.callback == "http://example.net/"
        assert await queue.claim(KEY, 5, 30) == []

    scenario(steps)


def test_a_delayed_call_waits_until_it_is_due():
    """`not_before` delays a call until then."""

    async def steps(queue, clock):
        await queue.put(call(not_before=1060.0))
        assert await queue.claim(KEY, 5, 30) == []
        assert await queue.waiting() == {KEY: 1060.0}
        clock.time = 1060.0
        assert len(await queue.claim(KEY, 5, 30)) == 1

    scenario(steps)


def test_a_lost_lease_fences_its_holder_off():
    """A gateway that lost the lease cannot end the call that another now holds."""

    async def steps(queue, clock):
        await queue.put(call())
        [first] = await queue.claim(KEY, 1, 30)
        clock.time += 31
        assert await queue.recover() == 1
        [second] = await queue.claim(KEY, 1, 30)
        assert await queue.complete(first, CallResult(200, body=b"late")) is False
        assert await queue.complete(second, CallResult(200, body=b"right")) is True
        assert (await queue.find("a")).body == b"right"

    scenario(steps)


def test_a_renewed_lease_is_kept():
    """A call that runs longer than its lease is not given to another."""

    async def steps(queue, clock):
        await queue.put(call())
        [claim] = await queue.claim(KEY, 1, 30)
        clock.time += 20
        await queue.renew([claim], 30)
        clock.time += 20
        assert await queue.recover() == 0
        assert await queue.complete(claim, CallResult(200)) is True

    scenario(steps)


@pytest.mark.parametrize(("spend", "attempts"), [(True, 2), (False, 1)])
def test_a_retry_may_give_the_attempt_back(spend, attempts):
    """A 429 does not spend an attempt."""

    async def steps(queue, clock):
        await queue.put(call())
        [claim] = await queue.claim(KEY, 1, 30)
        await queue.retry(claim, 1005.0, CallResult(429), spend=spend)
        clock.time = 1005.0
        [again] = await queue.claim(KEY, 1, 30)
        assert again.attempts == attempts

    scenario(steps)


def test_a_dead_call_can_be_replayed_with_its_body():
    """A dead letter keeps its request, so that it can be replayed."""

    async def steps(queue, clock):
        await queue.put(call())
        [claim] = await queue.claim(KEY, 1, 30)
        await queue.dead_letter(claim, CallResult(500, reason="gave up"))
        [record] = await queue.list(State.DEAD)
        assert (record.call_id, record.status, record.reason) == ("a", 500, "gave up")
        assert await queue.replay(["a"]) == 1
        [claim] = await queue.claim(KEY, 1, 30)
        assert (claim.call.body, claim.attempts) == (b"body", 1)

    scenario(steps)


def test_only_a_waiting_call_can_be_cancelled():
    """A running call cannot be cancelled."""

    async def steps(queue, clock):
        await queue.put(call("a"))
        await queue.put(call("b"))
        await queue.claim(KEY, 1, 30)
        assert await queue.cancel("a") is False
        assert await queue.cancel("b") is True
        assert (await queue.find("b")).state is State.CANCELLED

    scenario(steps)


def test_ended_calls_are_forgotten_after_their_time():
    """A purge keeps calls that wait, run or ended later."""

    async def steps(queue, clock):
        for name in "abc":
            await queue.put(call(name))
        first, second, _ = await queue.claim(KEY, 3, 30)
        await queue.complete(first, CallResult(200))
        clock.time += 100
        await queue.complete(second, CallResult(200))
        assert await queue.purge(before=clock.time - 50) == 1
        assert await queue.find("a") is None
        assert (await queue.counts())[KEY] == {State.DONE: 1, State.RUNNING: 1}

    scenario(steps)


def test_an_operation_that_fails_leaves_its_batch_alone():
    """A failed operation rolls back only itself."""

    async def steps(queue, clock):
        put = queue.put(call("a"))
        bad = queue._database.run(lambda db: db.execute("SELECT no_such_column FROM calls").fetchall())
        also = queue.put(call("b"))
        results = await asyncio.gather(put, bad, also, return_exceptions=True)
        assert isinstance(results[1], Exception)
        assert len(await queue.list()) == 2

    scenario(steps)
