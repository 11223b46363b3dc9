"""Claims calls that are due, makes them, and completes, retries or dead-letters each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.queue.model import CallQueue, CallResult, Claim, Clock, SystemClock
from faas_runtime.gateway.queue.policy import BUSY, RetryPolicy
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.queue")


@dataclass(frozen=True, slots=True)
class Target:
    """The settings of a function: concurrency and retry policy."""

    concurrency: int
    policy: RetryPolicy


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """Limits of one gateway's dispatcher; times in seconds."""

    workers: int = 32
    """Calls under way at once over all functions."""
    lease: float = 60.0
    idle: float = 5.0
    """Maximum sleep without a notification of new work."""
    keep: float = 24 * 3600.0
    """How long a call and its result are kept after it ended."""
    drain: float = 10.0
    """Drain timeout of running calls when the gateway stops."""
    shared: bool = False
    """Other gateways use the queue, too: calls of a function unknown here are left to them."""


class Dispatcher:
    """One loop that claims calls, one task for each call under way.

    `call` makes the call and never raises; `target` has the settings of a function, None when it
    does not exist; `deliver` posts a result to the call's callback address.
    """

    def __init__(
        self,
        queue: CallQueue,
        call: Callable[[Claim], Awaitable[CallResult]],
        target: Callable[[FunctionKey], Target | None],
        deliver: Callable[[Claim, CallResult], Coroutine[Any, Any, None]],
        settings: DispatcherSettings | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._queue, self._call, self._target, self._deliver = queue, call, target, deliver
        self._settings = settings or DispatcherSettings()
        self._clock = clock or SystemClock()
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._running: dict[Claim, asyncio.Task[None]] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.state = "starting"

    async def start(self) -> None:
        """Queue unfinished calls of an earlier run again, then start."""
        recovered = await self._queue.abandon()
        if recovered:
            log.info("queued %d calls again that an earlier gateway had not finished", recovered)
        self._tasks = [asyncio.create_task(self._forever(loop)) for loop in (self._round, self._renew, self._sweep)]

    async def stop(self) -> None:
        """Claim nothing more, and wait for running calls up to the drain timeout."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        pending = [*self._running.values(), *self._deliveries]
        if pending:
            _, late = await asyncio.wait(pending, timeout=self._settings.drain)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        # Their attempts are given back by the next start, which finds them marked running.

    def notify(self) -> None:
        """Wake the loop: a call arrived or a function changed."""
        self._wake.set()

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while not _is_cancelled():
            try:
                await step()
                self.state = "ok"
            except (Exception, asyncio.CancelledError) as error:
                if _is_cancelled():
                    raise
                # The loop must outlive a full disk, and a lost server whose client cancels what it waits for;
                # /healthz shows the state meanwhile.
                self.state = f"the queue fails: {str(error) or type(error).__name__}"
                log.error("%s", self.state)
                await asyncio.sleep(1.0)

    async def _round(self) -> None:
        self._wake.clear()
        waiting = await self._queue.waiting()
        now = self._clock.now()
        for key, due in waiting.items():
            if due <= now:
                await self._claim(key)
        later = [due - now for due in waiting.values() if due > now]
        # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes together with what it waits for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min([self._settings.idle, *later])):
                await self._wake.wait()

    async def _claim(self, key: FunctionKey) -> None:
        target = self._target(key)
        if target is None and self._settings.shared:
            return
        concurrency = target.concurrency if target else self._settings.workers
        busy = sum(1 for claim in self._running if claim.call.key == key)
        free = min(concurrency - busy, self._settings.workers - len(self._running))
        if free <= 0:
            return
        for claim in await self._queue.claim(key, free, self._settings.lease):
            self._running[claim] = asyncio.create_task(self._attempt(claim, target))

    async def _attempt(self, claim: Claim, target: Target | None) -> None:
        try:
            if target is None:
                await self._finish(claim, CallResult(404, reason="the function was deleted"), None)
            else:
                await self._finish(claim, await self._call(claim), target.policy)
        except (TimeoutError, OSError, RuntimeFault) as error:
            # The queue's server is away: a traceback would not help.
            why = str(error) or "no response"
            log.error("call %s could not be ended (%s); its lease will run out", claim.call.call_id, why)
        except (Exception, asyncio.CancelledError):
            if _is_cancelled():
                raise
            log.exception("call %s could not be ended; its lease will run out", claim.call.call_id)
        finally:
            del self._running[claim]
            self.notify()

    async def _finish(self, claim: Claim, result: CallResult, policy: RetryPolicy | None) -> None:
        now = self._clock.now()
        if policy and result.status == BUSY and BUSY in policy.codes:
            pause = policy.wait(1, result, self._chance)
            await self._queue.retry(claim, now + pause, result, spend=False)
            return
        failed = policy is None or policy.should_retry(result)
        if policy and failed and claim.attempts < policy.attempts:
            await self._queue.retry(claim, now + policy.wait(claim.attempts, result, self._chance), result)
            return
        ours = await (self._queue.dead_letter if failed else self._queue.complete)(claim, result)
        if ours and claim.call.callback:
            task = asyncio.create_task(self._deliver(claim, result))
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)

    async def _renew(self) -> None:
        await asyncio.sleep(self._settings.lease / 3)
        if self._running:
            await self._queue.renew(list(self._running), self._settings.lease)
        if await self._queue.recover():
            self.notify()

    async def _sweep(self) -> None:
        await self._queue.purge(before=self._clock.now() - self._settings.keep)
        await asyncio.sleep(min(60.0, self._settings.keep))


def _is_cancelled() -> bool:
    """Whether this task itself was cancelled, rather than something it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
