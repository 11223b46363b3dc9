"""Lines at the bottom of a terminal that are redrawn in place, below the lines that stay."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faas_cli.console import Console

_INTERVAL = 0.2
"""Seconds between two drawings while nothing else happens."""
_QUIET_SECONDS = 2
"""A step that takes longer is shown with its duration so far."""
_BAR_WIDTH = 30
# Without wrapping, a line that became too wide for a resized terminal stays one line.
_NO_WRAP, _WRAP, _ERASE_BELOW = "\x1b[?7l", "\x1b[?7h", "\x1b[J"


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
        self._height = 0
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
            self._erase()
            self._draw()

    def remove(self, key: str) -> None:
        """Remove a line, if it is there."""
        with self._lock:
            if self._lines.pop(key, None) is not None:
                self._erase()
                self._draw()

    def _tick(self) -> None:
        while not self._ended.wait(_INTERVAL):
            with self._lock:
                if self._lines and not self._ended.is_set():
                    self._erase()
                    self._draw()

    def _erase(self) -> None:
        if self._height:
            up = f"\x1b[{self._height - 1}A" if self._height > 1 else ""
            self._console.redraw(f"\r{up}{_ERASE_BELOW}")
            self._height = 0

    def _draw(self) -> None:
        if not self.shown or not self._lines:
            return
        columns, rows = shutil.get_terminal_size()
        texts = [_text(line, columns - 1) for line in self._lines.values()]
        # The terminal would scroll lines beyond its height away, where they cannot be erased.
        texts = texts[: max(1, rows - 2)]
        self._height = len(texts)
        self._console.redraw(_NO_WRAP + "\r\n".join(texts) + _WRAP)


def _text(line: _Line, width: int) -> str:
    if line.total:
        return f"{line.text} {bar(line.done, line.total)} {transferred(line.done, line.total)}"[:width]
    seconds = time.monotonic() - line.begun
    took = f" ({seconds:.0f} s)" if seconds >= _QUIET_SECONDS else ""
    room = max(0, width - len(took))
    return (line.text if len(line.text) <= room else f"{line.text[: room - 1]}…") + took


def bar(done: int, total: int) -> str:
    """A bar of constant width."""
    full = _BAR_WIDTH * min(done, total) // max(total, 1)
    return "━" * full + "─" * (_BAR_WIDTH - full)


def transferred(done: int, total: int) -> str:
    """Bytes and percent of a transfer, such as `4.5/9.0 MB  50%`."""
    unit, name = next((each for each in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if total >= each[0]), (1, "B"))
    digits = 0 if name == "B" else 1
    return f"{done / unit:.{digits}f}/{total / unit:.{digits}f} {name} {100 * min(done, total) // max(total, 1):3d}%"
