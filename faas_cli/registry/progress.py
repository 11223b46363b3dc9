"""Reporting a push: a progress bar per blob on a terminal, a line per blob in a pipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from faas_cli.output.live import LiveLines

if TYPE_CHECKING:
    from faas_cli.console import Console

_SHORT = 12


class PushDisplay:
    """Reports the pushes of several images at once; thread-safe. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = LiveLines(console)

    def __enter__(self) -> PushDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(*error)

    def say(self, write: Callable[[str], object], text: str) -> None:
        """Print a line through the console, above the bars."""
        with self._live.above():
            write(text)

    def waiting(self, text: str) -> None:
        """Print that a registry is silent."""
        self.say(self._console.info, text)

    def progress(self, blob: str, done: int, size: int) -> None:
        """Update a blob's bar: `done` of `size` bytes were compressed, fetched or sent."""
        if done < size:
            self._live.show(blob, f"  {short_name(blob)}", done, size)
        else:
            self._live.remove(blob)

    def ended(self, blob: str, outcome: str) -> None:
        """Remove a blob's bar and print its outcome: pushed, mounted, copied, or already exists."""
        self._live.remove(blob)
        self.say(self._console.info, f"  {short_name(blob)} {outcome}")


def short_name(blob: str) -> str:
    """The first characters of a digest, as Docker prints it."""
    return blob.removeprefix("sha256:")[:_SHORT]
