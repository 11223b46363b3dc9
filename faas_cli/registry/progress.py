"""What a person sees of a push: a bar for each blob on a terminal, a line for each in a pipe."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from faas_cli.console import Console

_SHORT = 12


class PushDisplay:
    """Shows the pushes of several images at once; safe to use from several threads. Use as a context manager."""

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

    def say(self, tell: Callable[[str], object], text: str) -> None:
        """Print a line through the console, above the bars."""
        with self._lock:
            if self._bars is None:
                tell(text)
                return
            self._bars.stop()
            tell(text)
            self._bars.start()

    def progress(self, blob: str, done: int, size: int) -> None:
        """So many bytes of a blob have arrived."""
        with self._lock:
            if self._bars is None:
                return
            if blob not in self._tasks:
                self._tasks[blob] = self._bars.add_task(short_name(blob), total=size)
            self._bars.update(self._tasks[blob], completed=done, total=size)

    def ended(self, blob: str, what: str) -> None:
        """A blob needs no more doing: it was pushed, mounted, or is there already."""
        with self._lock:
            if self._bars is not None and (task := self._tasks.pop(blob, None)) is not None:
                self._bars.remove_task(task)
        self.say(self._console.info, f"  {short_name(blob)} {what}")


def short_name(blob: str) -> str:
    """The beginning of a digest, as Docker shows it."""
    return blob.removeprefix("sha256:")[:_SHORT]


def _bars(console: Console) -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("  {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, console=RichConsole(file=console.err), transient=True)
