"""One SQLite connection in one thread, with group commit, which survives the loss of its file.

Operations that wait together are committed together: the price of making a call durable
(one sync of the log) is shared by all that arrive while the previous sync runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from faas_runtime.core.files import quarantine, release_reserve

log = logging.getLogger("faas.queue")

Result = TypeVar("Result")
Operation = Callable[[sqlite3.Connection], Any]

# More would only lengthen the wait of the first operation of a batch.
_BATCH = 512
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """Runs operations in a thread of its own; each is atomic and durable when its future resolves."""

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """`prepare` makes the tables of a connection that was opened. The path `:memory:` is no file."""
        self._path, self._prepare = path, prepare
        self._is_file = str(path) != ":memory:"
        self._identity: tuple[int, ...] = ()
        self.warning = ""
        """What happened to the file; empty where nothing did."""
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
        while batch := self._next_batch():
            connection = self._kept(connection)
            self._commit(connection, batch)
        self._kept(connection).close()

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._opened()
        except sqlite3.DatabaseError as error:
            if _primary_code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR) and release_reserve():
                return self._opened()
            if _primary_code(error) not in _DAMAGED:
                raise
            aside = quarantine(self._path, *(Path(f"{self._path}{ending}") for ending in ("-wal", "-shm")))
            self.warning = f"`{self._path}` was damaged ({error}) and is kept as `{aside.name}`; its calls are lost"
            log.error("%s", self.warning)
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._identity = self._seen()
        return connection

    def _seen(self) -> tuple[int, ...]:
        """What tells the files from others of the same name; empty where one is missing."""
        if not self._is_file:
            return ()
        try:
            return tuple(Path(f"{self._path}{ending}").stat().st_ino for ending in ("", "-wal"))
        except OSError:
            return ()

    def _kept(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """The connection, or one to a new file with the same content: somebody deleted or replaced the files.

        SQLite would go on with files that no other process, and no later start, can find.
        """
        if self._seen() == self._identity:
            return connection
        fresh = self._path.with_name(f".new-{os.urandom(8).hex()}")
        try:
            with contextlib.closing(sqlite3.connect(fresh)) as copy:
                connection.backup(copy)
            connection.close()
            for ending in ("-wal", "-shm"):
                Path(f"{self._path}{ending}").unlink(missing_ok=True)
            fresh.rename(self._path)
            renewed = self._opened()
        except (OSError, sqlite3.Error) as error:
            fresh.unlink(missing_ok=True)
            self.warning = f"`{self._path}` was deleted or replaced, and cannot be written again: {error}"
            log.error("%s", self.warning)
            return connection
        self.warning = f"`{self._path}` was deleted or replaced while the gateway ran; no call was lost"
        log.error("%s", self.warning)
        return renewed

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
            if _primary_code(error) == sqlite3.SQLITE_FULL and release_reserve():
                self._commit(connection, batch)
                return
            outcomes = [(future, None, error) for _, future in batch]
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, outcomes)


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error that Python's module raised itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


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
