"""Log lines of a service, from all nodes, as the manager collects them."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator

from faas_runtime.core.api import LogMessage
from faas_runtime.core.errors import RuntimeFault
from faas_runtime.providers.base import LogQuery
from faas_runtime.providers.common.docker_api import Stream
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.swarm.engine import SwarmEngine
from faas_runtime.providers.swarm.objects import Service

_MAX_WAITING_LINES = 1000
_OVERLAP = 1.0
"""Seconds of lines that are read twice, so that none is lost between history and following."""


class ServiceLogReader:
    """Reads the lines of a query."""

    def __init__(self, engine: SwarmEngine, service: Service, query: LogQuery) -> None:
        self._engine, self._service, self._query = engine, service, query
        self._lines: asyncio.Queue[LogMessage | None] = asyncio.Queue(_MAX_WAITING_LINES)
        self._stream: Stream | None = None
        self._closed = False
        self._begun = time.time()

    async def read(self, threads: EngineThreads) -> AsyncIterator[LogMessage]:
        """Yield history, oldest first, then new lines."""
        history = await threads.call_long(self._history)
        for known in history:
            yield known
        if not self._query.follow:
            return
        seen = {(message.instance, message.timestamp) for message in history}
        last = history[-1].timestamp if history else ""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._follow, args=(loop, last, seen), name="swarm-logs", daemon=True).start()
        while (message := await self._lines.get()) is not None:
            yield message

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()
        while not self._lines.empty():  # releases the thread that waits for room in the queue
            self._lines.get_nowait()

    def _history(self) -> list[LogMessage]:
        query = self._query
        if query.tail == 0:
            return []
        since = query.since.timestamp() if query.since is not None else None
        # The manager counts `tail` for each task, not for all together.
        stream, lines = self._engine.log_lines(self._service, since, query.tail, follow=False)
        self._stream = stream
        found = sorted(self._messages(lines), key=lambda message: message.timestamp)
        return list(deque(found, maxlen=query.tail))

    def _follow(self, loop: asyncio.AbstractEventLoop, last: str, seen: set[tuple[str, str]]) -> None:
        with contextlib.suppress(RuntimeError, RuntimeFault):  # the loop has ended; the manager does not answer
            stream, lines = self._engine.log_lines(self._service, self._begun - _OVERLAP, None, follow=True)
            self._stream = stream
            if self._closed:  # before there was anything to close
                stream.close()
            for message in self._messages(lines):
                if self._closed:
                    break
                if message.timestamp >= last and (message.instance, message.timestamp) not in seen:
                    asyncio.run_coroutine_threadsafe(self._lines.put(message), loop).result()

        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._lines.put_nowait(None)

    def _messages(self, lines: Iterator[tuple[str, str, str]]) -> Iterator[LogMessage]:
        key = self._query.key
        for moment, task, text in lines:
            if self._query.instance in ("", task):
                yield LogMessage(name=key.name, namespace=key.namespace, instance=task, timestamp=moment, text=text)
