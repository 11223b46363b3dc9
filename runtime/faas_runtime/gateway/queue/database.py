"""One SQLite connection in one thread, with group commit.

Operations that wait together are committed together: the price of making a call durable
(one sync of the log) is shared by all that arrive while the previous sync runs.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
Operation = Callable[[sqlite3.Connection], Any]

# More would only lengthen the wait of the first operation of a batch.
_BATCH = 512


class Database:
    """Runs operations in a thread of its own; each is atomic and durable when its future resolves."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path, self._schema = path, schema
        self._pending: queue.SimpleQueue[tuple[Operation, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Open the file and make its tables. Raises sqlite3.Error when the file cannot be used."""
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="queue-database", daemon=True)
        self._thread.start()
        await opened

    async def close(self) -> None:
        """Finish pending operations, then close the file."""
        self._pending.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def run(self, operation: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `operation` inside a transaction and return its result once that is on disk."""
        assert self._loop is not None, "the database is not open"
        future: asyncio.Future[Result] = self._loop.create_future()
        self._pending.put((operation, future))
        return await future

    def _run(self, opened: asyncio.Future[None]) -> None:
        assert self._loop is not None
        try:
            connection = self._connect()
        except sqlite3.Error as error:
            self._loop.call_soon_threadsafe(opened.set_exception, error)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        with connection:
            while batch := self._next_batch():
                self._commit(connection, batch)
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: an accepted call survives a power loss, not only the end of the process.
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(self._schema)
        return connection

    def _next_batch(self) -> list[tuple[Operation, asyncio.Future[Any]]]:
        item = self._pending.get()
        batch = []
        while item is not None:
            batch.append(item)
            if len(batch) == _BATCH or self._pending.empty():
                return batch
            item = self._pending.get()
        # The end marker: what came before it is still done, and the next round sees the marker again.
        if batch:
            self._pending.put(None)
        return batch

    def _commit(self, connection: sqlite3.Connection, batch: list[tuple[Operation, asyncio.Future[Any]]]) -> None:
        outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for operation, future in batch:
                outcomes.append(_attempt(connection, operation, future))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcomes = [(future, None, error) for _, future in batch]
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, outcomes)


def _attempt(
    connection: sqlite3.Connection, operation: Operation, future: asyncio.Future[Any]
) -> tuple[asyncio.Future[Any], Any, BaseException | None]:
    connection.execute("SAVEPOINT operation")
    try:
        result = operation(connection)
    except Exception as error:
        connection.execute("ROLLBACK TO operation")
        connection.execute("RELEASE operation")
        return future, None, error
    connection.execute("RELEASE operation")
    return future, result, None


def _resolve(outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
