"""Log lines of functions: a bounded number in memory for each, and files that survive the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from faas_runtime.core.api import LogMessage
from faas_runtime.providers.base import FunctionKey, LogQuery

MAX_LINE_BYTES = 64 * 1024
"""Longest line in bytes; a longer one is cut into several."""
MAX_BYTES = 1024 * 1024
"""Text kept of one function in memory, and size at which its file is rotated (one older file is kept)."""
_FOLLOWER_LINES = 10_000
MAX_RATE = 512 * 1024
"""Bytes a second that a function may log for long; what is more is dropped, and the lines are counted."""
FLOOD_PAUSE = 0.05
"""Seconds between two reads of a function that logs more: it waits, instead of costing others the time."""


def now_rfc3339() -> str:
    """This moment in UTC with nine digits of a second."""
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


class FunctionLog:
    """The lines of one function, from all its replicas."""

    def __init__(self, key: FunctionKey, path: Path) -> None:
        self.key = key
        self._path = path
        self._lines: deque[LogMessage] = deque()
        self._bytes = 0
        self._file_bytes = 0
        self._followers: set[asyncio.Queue[LogMessage | None]] = set()
        self._budget, self._refilled = float(MAX_BYTES), time.monotonic()
        self._dropped = 0
        self._removed = False
        self._load()

    def add(self, instance: str, text: str) -> None:
        """Store one line and pass it to every follower."""
        self.add_all(instance, [text])

    def add_all(self, instance: str, texts: list[str]) -> None:
        """Store lines that arrived together, with one write; drop and count those of a flood."""
        texts = self._within_rate(texts)
        messages = [
            LogMessage(
                name=self.key.name,
                namespace=self.key.namespace,
                instance=instance,
                timestamp=now_rfc3339(),
                text=text,
            )
            for text in texts
        ]
        for message in messages:
            self._remember(message)
            for follower in self._followers:
                _offer(follower, message)
        self._append(messages)

    def last(self, instance: str, count: int) -> list[str]:
        """The last lines of one replica."""
        texts = [message.text for message in self._lines if message.instance == instance]
        return texts[-count:]

    async def read(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield the lines of the query, oldest first; with `follow` also later ones."""
        follower: asyncio.Queue[LogMessage | None] | None = None
        if query.follow:
            follower = asyncio.Queue(_FOLLOWER_LINES)
            self._followers.add(follower)
        try:
            for message in self._select(query):
                yield message
            while follower is not None:
                later = await follower.get()
                if later is None:
                    return
                if not query.instance or later.instance == query.instance:
                    yield later
        finally:
            if follower is not None:
                self._followers.discard(follower)

    def end(self) -> None:
        """End every follower: the function is deleted."""
        for follower in self._followers:
            _offer(follower, None)

    @property
    def is_flooded(self) -> bool:
        """Whether lines are being dropped."""
        return self._dropped > 0

    def remove(self) -> None:
        """Delete the files. Later lines go to followers only: another function may have the name by then."""
        self._removed = True
        for path in (self._path, self._older()):
            path.unlink(missing_ok=True)

    def _within_rate(self, texts: list[str]) -> list[str]:
        now = time.monotonic()
        self._budget = min(float(MAX_BYTES), self._budget + (now - self._refilled) * MAX_RATE)
        self._refilled = now
        kept = []
        # Not one line at a time: a quarter of a second's worth, else there would be a notice for every line.
        if self._dropped and self._budget > MAX_RATE / 4:
            notice = f"{self._dropped} lines were dropped: the function logs more than {MAX_RATE >> 10} KiB a second"
            kept, self._dropped = [notice], 0
        if self._dropped:
            self._dropped += len(texts)
            return kept
        for number, text in enumerate(texts):
            if self._budget < 0:
                self._dropped = len(texts) - number
                break
            self._budget -= len(text) + 1
            kept.append(text)
        return kept

    def _select(self, query: LogQuery) -> list[LogMessage]:
        chosen = [message for message in self._lines if not query.instance or message.instance == query.instance]
        if query.since is not None:
            earliest = query.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
            chosen = [message for message in chosen if message.timestamp >= earliest]
        if query.tail is not None:
            chosen = chosen[-query.tail :] if query.tail > 0 else []
        return chosen

    def _remember(self, message: LogMessage) -> None:
        self._lines.append(message)
        self._bytes += _weight(message)
        while self._bytes > MAX_BYTES:
            self._bytes -= _weight(self._lines.popleft())

    def _append(self, messages: list[LogMessage]) -> None:
        if self._removed or not messages:
            return
        data = b"".join(msgspec.json.encode(message) + b"\n" for message in messages)
        # A full disk must not stop the function; the lines stay in memory.
        with contextlib.suppress(OSError):
            if self._file_bytes > MAX_BYTES:
                self._path.replace(self._older())
                self._file_bytes = 0
            with self._path.open("ab") as file:
                file.write(data)
            self._file_bytes += len(data)

    def _load(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (self._older(), self._path):
            with contextlib.suppress(OSError):
                for line in path.read_bytes().splitlines():
                    with contextlib.suppress(msgspec.MsgspecError):
                        self._remember(msgspec.json.decode(line, type=LogMessage))
        with contextlib.suppress(OSError):
            self._file_bytes = self._path.stat().st_size

    def _older(self) -> Path:
        return self._path.with_name(self._path.name + ".1")


class LineSplitter:
    """Cuts a byte stream into lines of text."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Lines completed by this chunk; an overlong one comes in parts."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        return [_text(part) for line in lines for part in _parts(line)]

    def rest(self) -> list[str]:
        """The text after the last line break."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _parts(line: bytes) -> list[bytes]:
    return [line[start : start + MAX_LINE_BYTES] for start in range(0, len(line), MAX_LINE_BYTES)] or [b""]


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", errors="replace")


def _weight(message: LogMessage) -> int:
    return len(message.text) + 128


def _offer(follower: asyncio.Queue[LogMessage | None], message: LogMessage | None) -> None:
    # A reader that cannot keep up loses the oldest lines, not the newest.
    if follower.full():
        follower.get_nowait()
    follower.put_nowait(message)
