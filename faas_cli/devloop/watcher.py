"""Watching files: every change is reported once, soon, and none is lost between two polls."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_DEBOUNCE = 80
"""Milliseconds without another change before a change is reported: editors write in several steps."""
_STEP = 20
_POLL_INTERVAL = 100
"""Milliseconds after which the watch returns without a change."""


class _Files:
    """Single files, polled: an inotify watch ends when an editor replaces the file."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._seen = {path: _state(path) for path in paths}
        self._reported = dict(self._seen)

    def settled(self) -> set[Path]:
        """Files that changed since they were last reported and not since the last poll; a missing one waits."""
        found = set()
        for path, before in self._seen.items():
            now = self._seen[path] = _state(path)
            if now is not None and now == before and now != self._reported[path]:
                self._reported[path] = now
                found.add(path)
        return found


def changes_below(watched: Sequence[Path | str], stop: threading.Event | None = None) -> Iterator[set[Path]]:
    """The changed files below these files and folders, a set per poll, often empty; until `stop` or Ctrl-C.

    The watch begins with the first poll: make it before reading the files, so that no change is missed.
    """
    import watchfiles

    single = [Path(path) for path in watched if Path(path).is_file()]
    files, resolved = _Files(single), {path.resolve() for path in single}
    for batch in watchfiles.watch(
        *watched,
        debounce=_DEBOUNCE,
        step=_STEP,
        stop_event=stop,
        raise_interrupt=False,
        rust_timeout=_POLL_INTERVAL,
        yield_on_timeout=True,
    ):
        yield {path for _, name in batch if (path := Path(name)).resolve() not in resolved} | files.settled()


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
