"""Runs blocking calls of an engine's API without blocking the event loop or the gateway's stop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

_THREADS = 24


class EngineThreads:
    """Threads of one engine: a slow engine must not use up the threads of the event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")

    async def call(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Run something short and blocking."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def call_long(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Run something that may take minutes, in a daemon thread: the gateway does not wait for it to stop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()

        def settle(report: Callable[[Any], None], value: Any) -> None:
            if not done.done():
                report(value)

        def run() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                try:
                    result = work(*arguments)
                except Exception as err:
                    loop.call_soon_threadsafe(settle, done.set_exception, err)
                else:
                    loop.call_soon_threadsafe(settle, done.set_result, result)

        threading.Thread(target=run, name="docker-wait", daemon=True).start()
        return await done

    def close(self) -> None:
        """Accept no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)
