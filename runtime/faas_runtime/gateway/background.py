"""The gateway's background loops: each has an owner, outlives a failure, and its state can be asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger("faas.gateway")

RESTART_INTERVAL = 1.0
"""Seconds between a failure and the next try."""
_REMEMBER = 10.0


class Loops:
    """Runs coroutines that are not supposed to end, and starts them again when they do."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[float, str]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until `stop`."""
        self._tasks[name] = asyncio.create_task(self._forever(name, work))

    def states(self) -> dict[str, str]:
        """What is wrong with each loop; empty for one that is well."""
        now = time.monotonic()
        return {name: self._state(name, now) for name in self._tasks}

    async def stop(self) -> None:
        """End every loop."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def _state(self, name: str, now: float) -> str:
        failed_at, problem = self._failures.get(name, (-_REMEMBER, ""))
        return problem if now - failed_at < _REMEMBER else ""

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
                problem = "ended"
            except Exception as error:
                # Anything at all: a loop that stays down would be worse, and nobody awaits it.
                problem = f"{type(error).__name__}: {error}"
                log.exception("%s failed and is started again", name)
            self._failures[name] = (time.monotonic(), problem)
            await asyncio.sleep(RESTART_INTERVAL)
