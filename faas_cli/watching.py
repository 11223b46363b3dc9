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


def changes_below(watched: Sequence[Path | str], stop: threading.Event | None = None) -> Iterator[set[Path]]:
    """What has changed below the files and folders, a set for each look, often empty; until `stop` or Ctrl-C.

    The watch begins with the first look: take it before reading the files, and what is saved meanwhile is not missed.
    """
    import watchfiles

    for batch in watchfiles.watch(
        *watched,
        debounce=_DEBOUNCE,
        step=_STEP,
        stop_event=stop,
        raise_interrupt=False,
        rust_timeout=_TURN,
        yield_on_timeout=True,
    ):
        yield {Path(path) for _, path in batch}
