"""The gateway's background loops: restarted after a failure, with a state that can be read."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger("faas.gateway")

RESTART_INTERVAL = 1.0
"""Seconds between a failure and the next start."""
_FAILURE_TIMEOUT = 10.0


class Loops:
    """Runs coroutines that are not supposed to end, and restarts them when they do."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, tuple[float, str]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until `stop`."""
        self._tasks[name] = asyncio.create_task(self._forever(name, work))

    def states(self) -> dict[str, str]:
        """The problem of each loop; empty for one that has worked for the last ten seconds."""
        now = time.monotonic()
        return {name: self._state(name, now) for name in self._tasks}

    async def stop(self) -> None:
        """End every loop."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    def _state(self, name: str, now: float) -> str:
        failed_at, problem = self._failures.get(name, (-_FAILURE_TIMEOUT, ""))
        return problem if now - failed_at < _FAILURE_TIMEOUT else ""

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
                problem = "ended"
            except Exception as error:
                # Any exception: a loop that stays down would be worse, and no caller awaits it.
                problem = f"{type(error).__name__}: {error}"
                log.exception("%s failed and is restarted", name)
            self._failures[name] = (time.monotonic(), problem)
            await asyncio.sleep(RESTART_INTERVAL)
