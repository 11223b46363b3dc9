"""The dispatcher completes, retries and dead-letters calls; its clock jumps when it sleeps."""

import asyncio
import random

from faas_runtime.gateway.queue.dispatcher import Dispatcher, DispatcherSettings, Target
from faas_runtime.gateway.queue.model import CallResult, NewCall, State
from faas_runtime.gateway.queue.policy import RetryPolicy
from faas_runtime.gateway.queue.sqlite import SqliteQueue
from faas_runtime.providers.base import FunctionKey

KEY = FunctionKey("resize", "openfaas-fn")
QUICK = RetryPolicy(attempts=3, min_wait=0.001, max_wait=0.002)


def call(call_id="a", callback=""):
    return NewCall(call_id, KEY, "/", "", (), b"body", callback)


def run(answers, calls, *, concurrency=4, target=True, settle):
    """Put `calls`, answer them with `answers(claim)`, wait until `settle(queue)`; return what was delivered."""
    delivered, seen = [], []

    async def make(claim):
        seen.append(claim)
        return await answers(claim)

    async def deliver(claim, result):
        delivered.append((claim.call.call_id, result.status))

    async def scenario():
        queue = SqliteQueue(":memory:")
        await queue.open()
        known = Target(concurrency, QUICK) if target else None
        settings = DispatcherSettings(idle=0.01, drain=1.0)
        dispatcher = Dispatcher(queue, make, lambda key: known, deliver, settings, chance=random.Random(1))
        for item in calls:
            await queue.put(item)
        await dispatcher.start()
        async with asyncio.timeout(10):
            while not await settle(queue):
                await asyncio.sleep(0.002)
        await dispatcher.stop()
        await queue.close()

    asyncio.run(scenario())
    return seen, delivered


async def _ended(queue):
    # One look at all states: between two, a call may move from the one to the other.
    return all(not {State.QUEUED, State.RUNNING} & states.keys() for states in (await queue.counts()).values())


def test_a_good_answer_ends_the_call_and_is_delivered():
    """One success, one delivery."""

    async def answer(claim):
        return CallResult(200, body=b"ok")

    seen, delivered = run(answer, [call(callback="http://x/")], settle=_ended)
    assert (len(seen), delivered) == (1, [("a", 200)])


def test_failures_are_tried_again_until_the_attempts_are_spent():
    """Three attempts, then the callback gets the failure."""

    async def answer(claim):
        return CallResult(500)

    seen, delivered = run(answer, [call(callback="http://x/")], settle=_ended)
    assert [claim.attempts for claim in seen] == [1, 2, 3]
    assert delivered == [("a", 500)]


def test_a_busy_function_costs_no_attempt():
    """Ten times 429, then success: no attempt is spent on waiting."""
    statuses = iter([429] * 10 + [200])

    async def answer(claim):
        return CallResult(next(statuses))

    seen, _ = run(answer, [call()], settle=_ended)
    assert {claim.attempts for claim in seen} == {1}
    assert len(seen) == 11


def test_a_function_never_gets_more_calls_than_its_concurrency():
    """Twenty calls, two at a time."""
    under_way, most = 0, 0

    async def answer(claim):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return CallResult(200)

    seen, _ = run(answer, [call(str(n)) for n in range(20)], concurrency=2, settle=_ended)
    assert (len(seen), most) == (20, 2)


def test_calls_of_a_deleted_function_are_buried():
    """Calls of a deleted function become dead letters."""

    async def answer(claim):
        raise AssertionError("there is nothing to call")

    async def dead(queue):
        return [record.reason for record in await queue.list(State.DEAD)] == ["the function was deleted"]

    run(answer, [call()], target=False, settle=dead)


def test_a_shared_queue_leaves_the_calls_of_other_gateways_alone():
    """In a shared queue, calls of an unknown function are left to other gateways."""

    async def scenario():
        queue = SqliteQueue(":memory:")
        await queue.open()
        await queue.put(call())
        looked = asyncio.Event()

        def unknown(key):
            looked.set()

        async def never(*_):
            raise AssertionError("there is nothing to do")

        dispatcher = Dispatcher(queue, never, unknown, never, DispatcherSettings(idle=0.01, shared=True))
        await dispatcher.start()
        await asyncio.wait_for(looked.wait(), 5)
        await dispatcher.stop()
        counts = await queue.counts()
        await queue.close()
        return counts

    assert asyncio.run(scenario()) == {KEY: {State.QUEUED: 1}}


def test_a_client_that_gives_up_what_it_waits_for_does_not_end_the_loop():
    """As the client of a lost server does: the loop continues, and reports the problem meanwhile."""

    class Lost(SqliteQueue):
        failures = 1

        async def waiting(self):
            if self.failures:
                self.failures -= 1
                raise asyncio.CancelledError
            return await super().waiting()

    async def scenario():
        queue = Lost(":memory:")
        await queue.open()
        done = asyncio.Event()

        async def answer(claim):
            done.set()
            return CallResult(200)

        async def deliver(claim, found):
            pass

        dispatcher = Dispatcher(queue, answer, lambda key: Target(1, QUICK), deliver, DispatcherSettings(idle=0.01))
        await queue.put(call())
        await dispatcher.start()
        await asyncio.wait_for(done.wait(), 5)
        await dispatcher.stop()
        await queue.close()

    asyncio.run(scenario())
