"""One stream of log lines from all containers of a function."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from faas_runtime.core.api import LogMessage
from faas_runtime.providers.base import LogQuery
from faas_runtime.providers.common.docker_api import Stream
from faas_runtime.providers.docker.container import Container
from faas_runtime.providers.docker.engine import DockerEngine

_MAX_WAITING_LINES = 1000
_OVERLAP = 1.0
"""Seconds of lines that are read twice, so that none is lost between history and following."""


class ContainerLogReader:
    """Reads the lines of a query. With `follow`, `add` includes containers that start later."""

    def __init__(self, engine: DockerEngine, query: LogQuery) -> None:
        self._engine = engine
        self._query = query
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[LogMessage | None] = asyncio.Queue(_MAX_WAITING_LINES)
        self._streams: set[Stream] = set()
        self._reading = 0
        self._complete = not query.follow
        self._closed = False
        self._begun = time.time()
        self._last: dict[str, str] = {}

    def history(self, containers: Sequence[Container]) -> Sequence[LogMessage]:
        """Lines up to now, oldest first. Blocking."""
        query = self._query
        if query.tail == 0:
            return ()
        since = query.since.timestamp() if query.since is not None else None
        each = [self._lines_of(container, since) for container in containers if self._selected(container)]
        return deque(heapq.merge(*each, key=lambda message: message.timestamp), maxlen=query.tail)

    def add(self, container: Container | None) -> None:
        """Follow this container, too; None: no more will start, end when the present ones have ended."""
        if container is None:
            self._complete = True
            if not self._reading:
                self._wake()
        elif self._selected(container) and not self._closed:
            self._reading += 1
            threading.Thread(target=self._follow, args=(container,), daemon=True).start()

    async def follow(self) -> AsyncIterator[LogMessage]:
        """Yield lines as they arrive, until the function is deleted."""
        while self._reading or not self._complete or not self._lines.empty():
            message = await self._lines.get()
            if message is not None:
                yield message

    def close(self) -> None:
        """Stop reading."""
        self._closed = True
        for stream in list(self._streams):
            stream.close()
        while not self._lines.empty():  # releases threads that wait for room in the queue
            self._lines.get_nowait()

    def _lines_of(self, container: Container, since: float | None) -> list[LogMessage]:
        found = [
            self._message(container, moment, text)
            for moment, text in self._engine.log_lines(container.id, since, self._query.tail)
        ]
        if found:
            self._last[container.id] = found[-1].timestamp
        return found

    def _follow(self, container: Container) -> None:
        """In a thread of its own: hand over every line that history did not have."""
        last = self._last.get(container.id, "")
        begun = datetime.fromtimestamp(self._begun, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        earliest = last or (begun if self._query.tail is not None else "")
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for moment, text in self._engine.log_lines(container.id, self._begun - _OVERLAP, None, self._opened):
                if self._closed:
                    break
                if moment > earliest:
                    message = self._message(container, moment, text)
                    asyncio.run_coroutine_threadsafe(self._lines.put(message), self._loop).result()
            self._loop.call_soon_threadsafe(self._ended)

    def _opened(self, stream: Stream) -> None:
        self._streams.add(stream)
        if self._closed:
            stream.close()

    def _ended(self) -> None:
        self._reading -= 1
        self._wake()

    def _wake(self) -> None:
        # With lines waiting, the reader wakes up anyway.
        with contextlib.suppress(asyncio.QueueFull):
            self._lines.put_nowait(None)

    def _selected(self, container: Container) -> bool:
        return not self._query.instance or container.name == self._query.instance

    def _message(self, container: Container, moment: str, text: str) -> LogMessage:
        key = self._query.key
        return LogMessage(name=key.name, namespace=key.namespace, instance=container.name, timestamp=moment, text=text)
