"""Reporting a push: a progress bar per blob on a terminal, a line per blob in a pipe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from faas_cli.console import Console

_SHORT = 12


class PushDisplay:
    """Reports the pushes of several images at once; thread-safe. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> PushDisplay:
        if self._console.is_live() and not self._console.quiet:
            self._bars = _bars(self._console)
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, write: Callable[[str], object], text: str) -> None:
        """Print a line through the console, above the bars."""
        with self._lock:
            if self._bars is None:
                write(text)
                return
            self._bars.stop()
            write(text)
            self._bars.start()

    def progress(self, blob: str, done: int, size: int) -> None:
        """Update a blob's bar: `done` of `size` bytes were sent."""
        with self._lock:
            if self._bars is None:
                return
            if blob not in self._tasks:
                self._tasks[blob] = self._bars.add_task(short_name(blob), total=size)
            self._bars.update(self._tasks[blob], completed=done, total=size)

    def ended(self, blob: str, outcome: str) -> None:
        """Remove a blob's bar and print its outcome: pushed, mounted, copied, or already exists."""
        with self._lock:
            if self._bars is not None and (task := self._tasks.pop(blob, None)) is not None:
                self._bars.remove_task(task)
        self.say(self._console.info, f"  {short_name(blob)} {outcome}")


def short_name(blob: str) -> str:
    """The first characters of a digest, as Docker prints it."""
    return blob.removeprefix("sha256:")[:_SHORT]


def _bars(console: Console) -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, console=RichConsole(file=console.err), transient=True)
