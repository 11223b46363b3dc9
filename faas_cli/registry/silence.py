"""Reporting that a server has been silent for a while, before a request to it fails."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator

SILENCE_SECONDS = 20.0
_BYTES_PER_SECOND = 100_000
"""A slow line: so long does a body take to be sent."""


class Silence:
    """Calls `say` with one line when a watched server has been silent for `SILENCE_SECONDS`. Thread-safe."""

    def __init__(self, server: str, timeout: float, say: Callable[[str], object]) -> None:
        self._server, self._timeout, self._say = server, timeout, say
        self._lock = threading.Lock()
        self._said = False

    @contextlib.contextmanager
    def watch(self, sent: int = 0) -> Iterator[None]:
        """Watch a request with a body of `sent` bytes."""
        timer = threading.Timer(SILENCE_SECONDS + sent / _BYTES_PER_SECOND, self._report)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        with self._lock:
            self._said = False

    def watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks of an answer, with each of which it has to be heard from again."""
        iterator = iter(chunks)
        while True:
            with self.watch():
                chunk = next(iterator, None)
            if chunk is None:
                return
            yield chunk

    def _report(self) -> None:
        with self._lock:
            if self._said:
                return
            self._said = True
        limit = f"; the request fails after {self._timeout:.0f} s" if self._timeout > SILENCE_SECONDS else ""
        self._say(f"{self._server} has not answered for {SILENCE_SECONDS:.0f} s{limit}")
