"""A line for every request that is over, as text or JSON, on standard output.

A call only leaves its facts here. They become text and are written a few times a second
in a thread, so neither formatting nor a slow reader of the log holds any call up.
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
    """What is known of a request when it is over. `function` and `replica` are empty where there was none."""

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
    """One line for people: who asked for what, what came of it, how long it took, who did it."""
    return (
        f'{_time(entry)} {entry.client} "{entry.method} {entry.target}" {entry.status} {entry.sent} B '
        f"{entry.seconds * 1000:.1f} ms {entry.function or '-'} {entry.replica or '-'} {entry.call_id or '-'}"
    )


def _time(entry: Entry) -> str:
    moment = datetime.fromtimestamp(entry.began_ns / 1e9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


FORMATS: dict[str, Callable[[Entry], str]] = {"json": as_json, "text": as_text}
"""The formats a log can have, by name."""


class AccessLog:
    """Collects entries and writes them. If nobody reads them, the newest are dropped and counted."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ProxySettings) -> None:
        self._loop = loop
        self._settings = settings
        self._format = FORMATS[settings.access_log]
        self._waiting: list[Entry] = []
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def add(self, entry: Entry) -> None:
        """Log a request."""
        if len(self._waiting) >= self._settings.max_access_log_entries:
            self._dropped += 1
            return
        self._waiting.append(entry)
        if self._timer is None and self._writing is None:
            self._timer = self._loop.call_later(self._settings.access_log_interval, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._writing = self._loop.run_in_executor(None, self._write, *self._take())
        self._writing.add_done_callback(self._written)

    def _take(self) -> tuple[list[Entry], int]:
        taken = (self._waiting, self._dropped)
        self._waiting, self._dropped = [], 0
        return taken

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if self._waiting:
            self._timer = self._loop.call_later(self._settings.access_log_interval, self._flush)

    def _write(self, entries: list[Entry], dropped: int) -> None:
        lines = [self._format(entry) for entry in entries]
        if dropped:
            lines.append(f"{dropped} lines were dropped: nobody reads the access log")
        data = memoryview("".join(f"{line}\n" for line in lines).encode())
        try:
            while data:
                data = data[os.write(_STDOUT, data) :]
        except OSError:
            # Nobody reads it any more; that is no reason to stop serving.
            return

    async def close(self) -> None:
        """Write what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            await self._loop.run_in_executor(None, self._write, *self._take())
