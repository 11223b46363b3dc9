"""Watching files: every change once, soon, and never lost between two looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_DEBOUNCE = 80
"""Milliseconds without a further change after which a change is taken up: editors write in several steps."""
_STEP = 20
_TURN = 100
"""Milliseconds after which the watch comes back without a change."""


class _Files:
    """Single files, looked at now and then: the system's watch ends when an editor puts another file in its place."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._seen = {path: _state(path) for path in paths}
        self._told = dict(self._seen)

    def settled(self) -> set[Path]:
        """Those that have changed since they were told last, and not since the last look; one that is gone waits."""
        found = set()
        for path, before in self._seen.items():
            now = self._seen[path] = _state(path)
            if now is not None and now == before and now != self._told[path]:
                self._told[path] = now
                found.add(path)
        return found


def changes_below(watched: Sequence[Path | str], stop: threading.Event | None = None) -> Iterator[set[Path]]:
    """What has changed below the files and folders, a set for each look, often empty; until `stop` or Ctrl-C.

    The watch begins with the first look: take it before reading the files, and what is saved meanwhile is not missed.
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
        rust_timeout=_TURN,
        yield_on_timeout=True,
    ):
        yield {path for _, name in batch if (path := Path(name)).resolve() not in resolved} | files.settled()


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
