"""Passes routing changes to every reader of `watch()`, and waits until they have been applied."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from faas_runtime.providers.base import RoutingChange


class RoutingFeed:
    """Publishes routing changes to any number of readers, in order."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[RoutingChange]] = set()

    def publish(self, change: RoutingChange) -> None:
        """Queue a change for every reader."""
        for reader in self._readers:
            reader.put_nowait(change)

    async def read(self, present: Iterable[RoutingChange]) -> AsyncIterator[RoutingChange]:
        """Yield the present state, then every change."""
        # Unbounded, yet small: one entry for each change that a reader has not applied yet.
        reader: asyncio.Queue[RoutingChange] = asyncio.Queue()
        for change in present:
            reader.put_nowait(change)
        self._readers.add(reader)
        try:
            while True:
                change = await reader.get()
                try:
                    yield change
                finally:
                    reader.task_done()
        finally:
            self._readers.discard(reader)
            while not reader.empty():
                reader.get_nowait()
                reader.task_done()

    async def acknowledged(self, limit: float = 5.0) -> None:
        """Return once every reader has applied all published changes, or after `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for reader in list(self._readers):
                    await reader.join()
