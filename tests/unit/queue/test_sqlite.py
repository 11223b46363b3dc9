"""The life of an asynchronous call in the SQLite queue, with the test's clock."""

import asyncio

import pytest

from faas_runtime.core.errors import DiskFull, LimitReached
from faas_runtime.gateway.queue.model import CallResult, Limits, NewCall, State
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


def scenario(steps, limits=None):
    """Run `steps(queue, clock)` against a queue of its own in memory."""

    async def run():
        clock = Hands()
        queue = SqliteQueue(":memory:", clock, limits)
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


OTHER = FunctionKey("other", "openfaas-fn")


def sized(call_id, size, key=KEY):
    return NewCall(call_id, key, "/", "", (), bytes(size))


def test_the_number_of_calls_is_limited():
    """For each function, and in total; a call that has ended makes room."""

    async def steps(queue, clock):
        for name in "ab":
            await queue.put(call(name))
        with pytest.raises(LimitReached, match="max_queued_calls_per_function"):
            await queue.put(call("c"))
        await queue.put(call("d", OTHER))
        with pytest.raises(LimitReached, match="`max_queued_calls` is 3"):
            await queue.put(call("e", FunctionKey("third", "n")))
        [claim, _] = await queue.claim(KEY, 2, 30)
        await queue.complete(claim, CallResult(200))
        await queue.put(call("f"))

    scenario(steps, Limits(3, 2, 1 << 20))


def test_no_function_fills_the_queue_alone():
    """Half of it at most; others have room."""

    async def steps(queue, clock):
        await queue.put(sized("a", 40_000))
        with pytest.raises(DiskFull, match="half of `max_queue_bytes`"):
            await queue.put(sized("b", 20_000))
        await queue.put(sized("c", 40_000, OTHER))
        with pytest.raises(DiskFull, match="`max_queue_bytes` is"):
            await queue.put(sized("d", 20_000, FunctionKey("third", "n")))

    scenario(steps, Limits(size=100_000))


def test_old_results_make_room_for_calls():
    """The oldest first; what waits, and dead letters, stay."""

    async def steps(queue, clock):
        for number in range(150):
            await queue.put(sized(str(number), 1))
            [claim] = await queue.claim(KEY, 1, 30)
            clock.time += 1
            await queue.complete(claim, CallResult(200, body=bytes(300)))
        before = (await queue.usage()).size
        assert before <= 50_000
        assert await queue.find("0") is None
        assert (await queue.find("149")).state is State.DONE
        await queue.put(sized("waits", 40_000))
        assert (await queue.find("waits")).state is State.QUEUED

    scenario(steps, Limits(size=100_000))


def test_usage_follows_every_change():
    """Ended, cancelled, dropped and purged calls give back what they took."""

    async def steps(queue, clock):
        for name in "abcde":
            await queue.put(sized(name, 10_000))
        assert (await queue.usage()).calls == 5
        [claim] = await queue.claim(KEY, 1, 30)
        await queue.complete(claim, CallResult(200, body=b"small"))
        assert await queue.cancel("b")
        assert await queue.drop(KEY, "the function was deleted") == 3
        usage = await queue.usage()
        assert (usage.calls, usage.size < 2_000) == (0, True)
        assert (await queue.find("c")).reason == "the function was deleted"
        await queue.purge()
        assert (await queue.usage()).size == 0

    scenario(steps)


def test_calls_that_wait_can_be_purged():
    """Those of one function, or all."""

    async def steps(queue, clock):
        for name, key in (("a", KEY), ("b", KEY), ("c", OTHER)):
            await queue.put(call(name, key, not_before=5000.0))
        assert await queue.purge([State.QUEUED], key=KEY) == 2
        assert [record.call_id for record in await queue.list()] == ["c"]
        assert await queue.purge([State.QUEUED]) == 1

    scenario(steps)


def test_a_call_is_found_by_the_id_its_caller_gave():
    """Unless another call has that as its own id."""

    async def steps(queue, clock):
        await queue.put(call("ours-1", caller_id="mine"))
        await queue.put(call("ours-2", caller_id="ours-1"))
        assert (await queue.find("mine")).call_id == "ours-1"
        assert (await queue.find("ours-1")).call_id == "ours-1"
        assert not await queue.cancel("mine")

    scenario(steps)
