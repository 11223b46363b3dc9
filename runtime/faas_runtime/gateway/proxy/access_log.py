"""The access log: a line for every request that has ended, as text or JSON, on standard output.

Calls only add entries. A thread formats and writes them a few times a second, so neither formatting
nor a slow reader of the log delays a call.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from faas_runtime.gateway.proxy.settings import ProxySettings

_STDOUT = 1


class Entry(NamedTuple):
    """One request that has ended. `function` and `replica` are empty where there was none."""

    began_ns: int
    client: str
    method: str
    target: str
    function: str
    replica: str
    status: int
    seconds: float
    sent: int
    call_id: str


def as_json(entry: Entry) -> str:
    """One JSON object."""
    fields = {"time": _time(entry), **entry._asdict()}
    del fields["began_ns"]
    fields["seconds"] = round(entry.seconds, 6)
    return json.dumps(fields, separators=(",", ":"))


def as_text(entry: Entry) -> str:
    """One line of text: time, client, request, status, size, duration, function, replica, call id."""
    return (
        f'{_time(entry)} {entry.client} "{entry.method} {entry.target}" {entry.status} {entry.sent} B '
        f"{entry.seconds * 1000:.1f} ms {entry.function or '-'} {entry.replica or '-'} {entry.call_id or '-'}"
    )


def _time(entry: Entry) -> str:
    moment = datetime.fromtimestamp(entry.began_ns / 1e9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


FORMATS: dict[str, Callable[[Entry], str]] = {"json": as_json, "text": as_text}
"""The formats of the log, by name."""


class AccessLog:
    """Collects entries and writes them. While the reader is too slow, the newest are dropped and counted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ProxySettings) -> None:
        self._loop = loop
        self._settings = settings
        self._format = FORMATS[settings.access_log]
        self._pending: list[Entry] = []
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def add(self, entry: Entry) -> None:
        """Add an entry."""
        if len(self._pending) >= self._settings.max_access_log_entries:
            self._dropped += 1
            return
        self._pending.append(entry)
        if self._timer is None and self._writing is None:
            self._timer = self._loop.call_later(self._settings.access_log_interval, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._writing = self._loop.run_in_executor(None, self._write, *self._take())
        self._writing.add_done_callback(self._written)

    def _take(self) -> tuple[list[Entry], int]:
        batch = (self._pending, self._dropped)
        self._pending, self._dropped = [], 0
        return batch

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if self._pending:
            self._timer = self._loop.call_later(self._settings.access_log_interval, self._flush)

    def _write(self, entries: list[Entry], dropped: int) -> None:
        lines = [self._format(entry) for entry in entries]
        if dropped:
            lines.append(f"{dropped} lines were dropped: the reader of the access log is too slow")
        data = memoryview("".join(f"{line}\n" for line in lines).encode())
        try:
            while data:
                data = data[os.write(_STDOUT, data) :]
        except OSError:
            # The reader is gone; that is no reason to stop serving.
            return

    async def close(self) -> None:
        """Write the remaining entries."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            await self._loop.run_in_executor(None, self._write, *self._take())
