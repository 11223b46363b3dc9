"""Lines at the bottom of a terminal that are redrawn in place, below the lines that stay."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from faas_cli.console import Console

_INTERVAL = 0.2
"""Seconds between two drawings while nothing else happens."""
_QUIET_SECONDS = 2
"""A step that takes longer is shown with its duration so far."""
_BAR_WIDTH = 20


@dataclass
class _Line:
    text: str
    done: int = 0
    total: int = 0
    begun: float = field(default_factory=time.monotonic)


class LiveLines:
    """One line per thing in progress, on a terminal only; thread-safe. Use as a context manager.

    Everything else must be printed inside `above`, or it would be erased with the lines.
    """

    def __init__(self, console: Console) -> None:
        self.shown = console.is_live() and not console.quiet
        """Whether there is a terminal to draw on."""
        self._console = console
        self._lines: dict[str, _Line] = {}
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._ended = threading.Event()

    def __enter__(self) -> LiveLines:
        if self.shown:
            threading.Thread(target=self._tick, name="live lines", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        with self._lock:
            self._lines.clear()
            self._erase()

    @contextmanager
    def above(self) -> Iterator[None]:
        """Print lines that stay: one thread at a time, while the live lines are hidden."""
        with self._lock:
            self._erase()
            try:
                yield
            finally:
                self._console.flush()
                self._draw()

    def show(self, key: str, text: str, done: int = 0, total: int = 0) -> None:
        """Add a line or change it; with a `total` its bar shows how many bytes are done."""
        with self._lock:
            line = self._lines.get(key)
            if line is None or line.text != text:
                self._lines[key] = _Line(text, done, total)
            else:
                line.done, line.total = done, total
                if done < total:  # drawn at the next tick: a fast transfer reports many times a second
                    return
            self._draw()

    def remove(self, key: str) -> None:
        """Remove a line, if it is there."""
        with self._lock:
            if self._lines.pop(key, None) is not None:
                self._draw()

    def _tick(self) -> None:
        while not self._ended.wait(_INTERVAL):
            with self._lock:
                if not self._ended.is_set():
                    self._draw()

    def _erase(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> None:
        if not self.shown:
            return
        if not self._lines:
            self._erase()
            return
        from rich.console import Group

        drawn = Group(*map(_drawn, self._lines.values()))
        if self._live is not None:
            self._live.update(drawn, refresh=True)
            return
        from rich.console import Console as RichConsole
        from rich.live import Live

        # A new display for each appearance: one that is started again goes up by the height it had before,
        # and erases what was printed meanwhile.
        self._live = Live(
            drawn,
            console=RichConsole(file=self._console.err, highlight=False, force_terminal=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)


def _drawn(line: _Line) -> RenderableType:
    from rich.filesize import decimal
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    text = Text(line.text, no_wrap=True, overflow="ellipsis")
    row = Table.grid(padding=(0, 1))
    if line.total:
        done = min(line.done, line.total)
        amount = Text(f"{decimal(done)}/{decimal(line.total)} {100 * done // line.total:3d}%", no_wrap=True)
        row.add_row(text, ProgressBar(line.total, done, width=_BAR_WIDTH), amount)
        return row
    seconds = time.monotonic() - line.begun
    row.add_row(text, Text(f"({seconds:.0f} s)" if seconds >= _QUIET_SECONDS else "", no_wrap=True))
    return row
