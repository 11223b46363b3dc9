"""The embedded queue: calls in one SQLite file of the state directory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from faas_runtime.core.errors import DiskFull, LimitReached
from faas_runtime.gateway.queue.database import Database
from faas_runtime.gateway.queue.model import (
    CallResult,
    Claim,
    Clock,
    Headers,
    Limits,
    NewCall,
    Record,
    State,
    SystemClock,
    Usage,
)
from faas_runtime.providers.base import FunctionKey

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL,
    name TEXT NOT NULL,
    namespace TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until REAL NOT NULL DEFAULT 0,
    not_before REAL NOT NULL,
    created REAL NOT NULL,
    finished REAL NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    callback TEXT NOT NULL DEFAULT '',
    caller_id TEXT NOT NULL DEFAULT '',
    cancel TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS calls_waiting ON calls (state, name, namespace, not_before, seq);
CREATE INDEX IF NOT EXISTS calls_by_id ON calls (call_id);
CREATE TABLE IF NOT EXISTS requests (seq INTEGER PRIMARY KEY, path TEXT, query TEXT, headers BLOB, body BLOB);
CREATE TABLE IF NOT EXISTS answers (seq INTEGER PRIMARY KEY, headers BLOB, body BLOB);
"""
_NEW_COLUMNS = {"caller_id": "TEXT NOT NULL DEFAULT ''", "cancel": "TEXT NOT NULL DEFAULT ''", "size": "INTEGER"}
_SIZES = """
UPDATE calls SET size = 200
    + coalesce((SELECT length(headers) + coalesce(length(body), 0) FROM requests WHERE requests.seq = calls.seq), 0)
    + coalesce((SELECT length(headers) + length(body) FROM answers WHERE answers.seq = calls.seq), 0)
"""
_PENDING = "('queued', 'running')"
# What each function keeps, in memory: it is made from the calls at the start, and follows every change of them.
_USAGE = f"""
CREATE TEMP TABLE usage (name TEXT, namespace TEXT, calls INTEGER, size INTEGER, PRIMARY KEY (name, namespace));
INSERT INTO usage SELECT name, namespace, SUM(state IN {_PENDING}), SUM(size) FROM calls GROUP BY name, namespace;
CREATE TEMP TRIGGER usage_insert AFTER INSERT ON main.calls BEGIN
    INSERT INTO usage VALUES (NEW.name, NEW.namespace, 0, 0) ON CONFLICT DO NOTHING;
    UPDATE usage SET calls = calls + (NEW.state IN {_PENDING}), size = size + NEW.size
        WHERE name = NEW.name AND namespace = NEW.namespace;
END;
CREATE TEMP TRIGGER usage_update AFTER UPDATE OF state, size ON main.calls BEGIN
    UPDATE usage SET calls = calls + (NEW.state IN {_PENDING}) - (OLD.state IN {_PENDING}),
        size = size + NEW.size - OLD.size WHERE name = NEW.name AND namespace = NEW.namespace;
END;
CREATE TEMP TRIGGER usage_delete AFTER DELETE ON main.calls BEGIN
    UPDATE usage SET calls = calls - (OLD.state IN {_PENDING}), size = size - OLD.size
        WHERE name = OLD.name AND namespace = OLD.namespace;
END;
"""  # noqa: S608
_CALL_BYTES = 200
"""What a call takes on disk beside its texts."""
_EVICTED = 100
"""Results deleted at once when the queue is full."""
_RECORD = (
    "seq, call_id, name, namespace, state, attempts, created, not_before, finished, status, reason, callback,"
    " caller_id, cancel"
)
_ENDED = (State.DONE, State.DEAD, State.CANCELLED)


class SqliteQueue:
    """Calls of one gateway. Every method returns once its effect is on disk."""

    def __init__(self, path: Path, clock: Clock | None = None, limits: Limits | None = None) -> None:
        self._database = Database(path, _prepare)
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()

    def warning(self) -> str:
        """What happened to the file; empty where nothing did."""
        return self._database.warning

    async def open(self) -> None:
        """Open the file, making it when it is missing."""
        await self._database.open()

    async def close(self) -> None:
        """Finish pending operations and close the file."""
        await self._database.close()

    async def put(self, call: NewCall) -> int:
        """Accept a call; return its number once it can no longer be lost. Raises LimitReached, DiskFull."""
        now = self._clock.now()
        headers = msgspec.json.encode(call.headers)
        size = _CALL_BYTES + len(headers) + len(call.body) + len(call.path) + len(call.query) + len(call.callback)

        def insert(db: sqlite3.Connection) -> int:
            self._make_room(db, call.key, size)
            cursor = db.execute(
                "INSERT INTO calls"
                " (call_id, name, namespace, state, not_before, created, callback, caller_id, cancel, size)"
                " VALUES (?,?,?,?,?,?,?,?,?,?)",
                (
                    *(call.call_id, *call.key, State.QUEUED, call.not_before or now, now),
                    *(call.callback, call.caller_id, call.cancel, size),
                ),
            )
            seq = cursor.lastrowid
            assert seq is not None
            db.execute("INSERT INTO requests VALUES (?,?,?,?,?)", (seq, call.path, call.query, headers, call.body))
            return seq

        return await self._database.run(insert)

    def _make_room(self, db: sqlite3.Connection, key: FunctionKey, size: int) -> None:
        """Delete old results where the queue is full. Raises LimitReached, DiskFull."""
        limits, everything = self._limits, "SELECT coalesce(SUM(calls), 0), coalesce(SUM(size), 0) FROM usage"
        calls, used = db.execute(everything).fetchone()
        own_calls, own_used = db.execute(f"{everything} WHERE name = ? AND namespace = ?", tuple(key)).fetchone()
        if calls >= limits.calls:
            raise LimitReached(f"{calls} asynchronous calls wait, and `max_queued_calls` is {limits.calls}")
        if own_calls >= limits.calls_per_function:
            raise LimitReached(
                f"{own_calls} asynchronous calls of `{key}` wait, and `max_queued_calls_per_function` is"
                f" {limits.calls_per_function}"
            )
        # No function alone may fill the queue.
        if not _evict(db, own_used + size - limits.size // 2, "AND name = ? AND namespace = ?", tuple(key)):
            raise DiskFull(
                f"the queue holds {own_used >> 20} MiB of calls of `{key}`, half of `max_queue_bytes`"
                f" ({limits.size >> 20} MiB)"
            )
        if not _evict(db, used + size - limits.size, "", ()):
            raise DiskFull(
                f"the queue of asynchronous calls holds {used >> 20} MiB, and `max_queue_bytes` is"
                f" {limits.size >> 20} MiB"
            )

    async def usage(self) -> Usage:
        """How many calls wait or run, and the size of all calls and results."""

        def read(db: sqlite3.Connection) -> Usage:
            sql = "SELECT coalesce(SUM(calls), 0), coalesce(SUM(size), 0) FROM usage"
            return Usage(*db.execute(sql).fetchone())

        return await self._database.run(read)

    async def claim(self, key: FunctionKey, limit: int, lease: float) -> list[Claim]:
        """Take up to `limit` calls of a function that are due, oldest first, for `lease` seconds."""
        now = self._clock.now()

        def take(db: sqlite3.Connection) -> list[Claim]:
            rows = db.execute(
                "UPDATE calls SET state = ?, attempts = attempts + 1, fence = fence + 1, lease_until = ? WHERE seq IN "
                "(SELECT seq FROM calls WHERE state = ? AND name = ? AND namespace = ? AND not_before <= ? "
                "ORDER BY not_before, seq LIMIT ?) "
                "RETURNING seq, fence, attempts, created, call_id, callback, not_before, caller_id",
                (State.RUNNING, now + lease, State.QUEUED, *key, now, limit),
            ).fetchall()
            return [_claim(db, key, row) for row in sorted(rows)]

        return await self._database.run(take)

    async def renew(self, claims: Iterable[Claim], lease: float) -> None:
        """Hold these calls for `lease` seconds from now; those already lost stay lost."""
        until = self._clock.now() + lease
        rows = [(until, claim.seq, claim.fence) for claim in claims]

        def extend(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE calls SET lease_until = ? WHERE seq = ? AND fence = ? AND state = 'running'", rows)

        await self._database.run(extend)

    async def complete(self, claim: Claim, result: CallResult) -> bool:
        """Store the result. False when the claim is no longer ours."""
        return await self._end(claim, State.DONE, result)

    async def dead_letter(self, claim: Claim, result: CallResult) -> bool:
        """Store the result of a call that is not retried. False when the claim is no longer ours."""
        return await self._end(claim, State.DEAD, result)

    async def _end(self, claim: Claim, state: State, result: CallResult) -> bool:
        now = self._clock.now()
        headers = msgspec.json.encode(result.headers)

        def end(db: sqlite3.Connection) -> bool:
            done = db.execute(
                "UPDATE calls SET state = ?, finished = ?, status = ?, reason = ? "
                "WHERE seq = ? AND fence = ? AND state = 'running'",
                (state, now, result.status, result.reason, claim.seq, claim.fence),
            )
            if done.rowcount:
                db.execute("INSERT OR REPLACE INTO answers VALUES (?,?,?)", (claim.seq, headers, result.body))
            if done.rowcount and state is State.DONE:
                # The body is kept only for calls that may be replayed.
                db.execute("UPDATE requests SET body = NULL WHERE seq = ?", (claim.seq,))
            if done.rowcount:
                change = len(headers) + len(result.body) - (len(claim.call.body) if state is State.DONE else 0)
                db.execute("UPDATE calls SET size = size + ? WHERE seq = ?", (change, claim.seq))
            return bool(done.rowcount)

        return await self._database.run(end)

    async def retry(self, claim: Claim, not_before: float, result: CallResult, *, spend: bool = True) -> bool:
        """Queue the call again for `not_before`; `spend` False gives the attempt back. False when not ours."""

        def again(db: sqlite3.Connection) -> bool:
            done = db.execute(
                "UPDATE calls SET state = 'queued', not_before = ?, attempts = attempts - ?, status = ?, reason = ? "
                "WHERE seq = ? AND fence = ? AND state = 'running'",
                (not_before, 0 if spend else 1, result.status, result.reason, claim.seq, claim.fence),
            )
            return bool(done.rowcount)

        return await self._database.run(again)

    async def recover(self) -> int:
        """Queue again what is marked running but whose lease ran out; return how many."""
        now = self._clock.now()

        def release(db: sqlite3.Connection) -> int:
            sql = "UPDATE calls SET state = 'queued' WHERE state = 'running' AND lease_until < ?"
            return db.execute(sql, (now,)).rowcount

        return await self._database.run(release)

    async def abandon(self) -> int:
        """Queue again everything marked running: for the one owner of the file, when it starts."""
        return await self._database.run(
            lambda db: db.execute("UPDATE calls SET state = 'queued' WHERE state = 'running'").rowcount
        )

    async def waiting(self) -> dict[FunctionKey, float]:
        """Functions with queued calls, and when the first of each is due (epoch seconds)."""

        def due(db: sqlite3.Connection) -> dict[FunctionKey, float]:
            sql = "SELECT name, namespace, MIN(not_before) FROM calls WHERE state = 'queued' GROUP BY name, namespace"
            return {FunctionKey(name, namespace): when for name, namespace, when in db.execute(sql)}

        return await self._database.run(due)

    async def counts(self) -> dict[FunctionKey, dict[State, int]]:
        """How many calls of each function are in each state."""

        def count(db: sqlite3.Connection) -> dict[FunctionKey, dict[State, int]]:
            result: dict[FunctionKey, dict[State, int]] = {}
            sql = "SELECT name, namespace, state, COUNT(*) FROM calls GROUP BY state, name, namespace"
            for name, namespace, state, number in db.execute(sql):
                result.setdefault(FunctionKey(name, namespace), {})[State(state)] = number
            return result

        return await self._database.run(count)

    async def find(self, call_id: str) -> Record | None:
        """The call of that id, else the newest that its caller gave this id, with the function's answer if any."""

        def look(db: sqlite3.Connection) -> Record | None:
            sql = f"SELECT {_RECORD} FROM calls WHERE call_id = ? ORDER BY seq DESC LIMIT 1"  # noqa: S608
            row = db.execute(sql, (call_id,)).fetchone()
            if row is None:
                row = db.execute(sql.replace("call_id = ?", "caller_id = ?"), (call_id,)).fetchone()
            if row is None:
                return None
            kept = db.execute("SELECT headers, body FROM answers WHERE seq = ?", (row[0],)).fetchone()
            return _record(row, *(kept or (b"[]", b"")))

        return await self._database.run(look)

    async def list(
        self, state: State | None = None, limit: int = 100, after: int = 0, key: FunctionKey | None = None
    ) -> Sequence[Record]:
        """Calls in a state and of a function (all by default) by number, after `after`; without their bodies."""
        name, namespace = (key.name, key.namespace) if key is not None else (None, None)

        def read(db: sqlite3.Connection) -> Sequence[Record]:
            sql = (
                f"SELECT {_RECORD} FROM calls WHERE seq > ? AND (? IS NULL OR state = ?)"  # noqa: S608
                " AND (? IS NULL OR (name = ? AND namespace = ?)) ORDER BY seq LIMIT ?"
            )
            return [_record(row) for row in db.execute(sql, (after, state, state, name, name, namespace, limit))]

        return await self._database.run(read)

    async def cancel(self, call_id: str) -> bool:
        """Take a call that has not begun out of the queue. False when there is none."""
        now = self._clock.now()
        return await self._database.run(lambda db: bool(_cancel(db, now, "", "call_id = ?", (call_id,))))

    async def drop(self, key: FunctionKey, reason: str) -> int:
        """Cancel the calls of a function that wait; return how many."""
        now = self._clock.now()
        return await self._database.run(lambda db: _cancel(db, now, reason, "name = ? AND namespace = ?", tuple(key)))

    async def replay(self, call_ids: Sequence[str] = ()) -> int:
        """Queue dead letters again with all their attempts (every one without ids); return how many."""
        now = self._clock.now()
        sql = "UPDATE calls SET state = 'queued', attempts = 0, not_before = ?, finished = 0 WHERE state = 'dead'"

        def revive(db: sqlite3.Connection) -> int:
            if not call_ids:
                return db.execute(sql, (now,)).rowcount
            return sum(db.execute(f"{sql} AND call_id = ?", (now, call_id)).rowcount for call_id in call_ids)

        return await self._database.run(revive)

    async def purge(
        self, states: Sequence[State] = _ENDED, before: float | None = None, key: FunctionKey | None = None
    ) -> int:
        """Forget calls of a function (all by default) in one of `states`, that ended before a moment (any time
        without one)."""
        limit = self._clock.now() + 1 if before is None else before

        def forget(db: sqlite3.Connection) -> int:
            sql = "SELECT seq FROM calls WHERE state = ? AND finished < ?"
            more: tuple[str, ...] = ()
            if key is not None:
                sql, more = f"{sql} AND name = ? AND namespace = ?", tuple(key)
            seqs = [seq for state in states for (seq,) in db.execute(sql, (state, limit, *more))]
            _delete(db, seqs)
            return len(seqs)

        return await self._database.run(forget)


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables, and add what those of earlier releases lack."""
    # Pages of deleted calls are given back to the disk. Only a new file takes this.
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA journal_size_limit = {16 << 20}")
    # FULL: an accepted call survives a power loss, not only the end of the process.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA temp_store = MEMORY")
    db.executescript(_SCHEMA)
    present = {row[1] for row in db.execute("PRAGMA table_info(calls)")}
    for name, kind in _NEW_COLUMNS.items():
        if name not in present:
            db.execute(f"ALTER TABLE calls ADD COLUMN {name} {kind}")
    if "size" not in present:
        db.execute(_SIZES)
    db.executescript(
        "CREATE INDEX IF NOT EXISTS calls_by_caller_id ON calls (caller_id) WHERE caller_id != '';" + _USAGE
    )


def _evict(db: sqlite3.Connection, needed: int, which: str, values: tuple[str, ...]) -> bool:
    """Delete the oldest results until so many bytes are free; False where there are not enough. Dead letters stay."""
    sql = (
        f"SELECT seq, size FROM calls WHERE state IN ('done', 'cancelled') {which}"  # noqa: S608
        f" ORDER BY finished LIMIT {_EVICTED}"
    )
    while needed > 0:
        oldest = db.execute(sql, values).fetchall()
        if not oldest:
            return False
        _delete(db, [seq for seq, _ in oldest])
        needed -= sum(size for _, size in oldest)
    return True


def _delete(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
    for table in ("calls", "requests", "answers"):
        db.executemany(f"DELETE FROM {table} WHERE seq = ?", [(seq,) for seq in seqs])  # noqa: S608
    if seqs:
        db.execute("PRAGMA incremental_vacuum").fetchall()


def _cancel(db: sqlite3.Connection, now: float, reason: str, which: str, values: tuple[str, ...]) -> int:
    # A cancelled call cannot be replayed: its body is not kept.
    chosen = f"SELECT seq FROM calls WHERE state = 'queued' AND {which}"  # noqa: S608
    bodies = "(SELECT coalesce(length(body), 0) FROM requests WHERE requests.seq = calls.seq)"
    rows = db.execute(chosen, values).fetchall()
    db.executemany(f"UPDATE calls SET size = size - {bodies} WHERE seq = ?", rows)  # noqa: S608
    db.executemany("UPDATE requests SET body = NULL WHERE seq = ?", rows)
    sql = "UPDATE calls SET state = 'cancelled', finished = ?, reason = ? WHERE seq = ?"
    db.executemany(sql, [(now, reason, seq) for (seq,) in rows])
    return len(rows)


def _claim(db: sqlite3.Connection, key: FunctionKey, row: tuple[int, int, int, float, str, str, float, str]) -> Claim:
    seq, fence, attempts, created, call_id, callback, not_before, caller_id = row
    path, query, headers, body = db.execute(
        "SELECT path, query, headers, body FROM requests WHERE seq = ?", (seq,)
    ).fetchone()
    call = NewCall(call_id, key, path, query, _headers(headers), body or b"", callback, not_before, caller_id)
    return Claim(seq, fence, attempts, created, call)


def _headers(raw: bytes) -> Headers:
    return msgspec.json.decode(raw, type=Headers)


def _record(row: tuple[object, ...], headers: bytes = b"[]", body: bytes = b"") -> Record:
    (
        seq,
        call_id,
        name,
        namespace,
        state,
        attempts,
        created,
        not_before,
        finished,
        status,
        reason,
        callback,
        caller_id,
        cancel,
    ) = row
    return Record(
        seq=int(str(seq)),
        call_id=str(call_id),
        key=FunctionKey(str(name), str(namespace)),
        state=State(str(state)),
        attempts=int(str(attempts)),
        created=float(str(created)),
        not_before=float(str(not_before)),
        finished=float(str(finished)),
        status=int(str(status)),
        reason=str(reason),
        callback=str(callback),
        caller_id=str(caller_id),
        cancel=str(cancel),
        headers=_headers(headers),
        body=body or b"",
    )
