"""Reporting a build on the console: faas-cli's lines and, on a terminal, a live line per function."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from faas_cli.images.model import BuildOptions, BuildReporter, BuildResult

if TYPE_CHECKING:
    from rich.status import Status

    from faas_cli.console import Console
    from faas_cli.stack.model import Function


class ConsoleReporter(BuildReporter):
    """Prints a build's progress; safe to use from several threads. Use as a context manager."""

    def __init__(self, console: Console, functions: Sequence[Function], options: BuildOptions) -> None:
        self._console = console
        self._functions = {function.name: function for function in functions}
        self._options = options
        # With parallel builds, each line is prefixed with its function.
        self._prefixed = options.parallel > 1 and len(functions) > 1
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._doing: dict[str, str] = {}
        self._begun = time.monotonic()

    def __enter__(self) -> ConsoleReporter:
        if self._console.is_live() and not self._options.quiet:
            from rich.console import Console as RichConsole

            self._status = RichConsole(file=self._console.err).status("")
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def started(self, worker: int, function: str) -> None:
        """A worker began to build a function."""
        if self._functions[function].skip_build:
            return
        with self._lock, self._paused():
            self._console.progress(f"[{worker}] > Building {function}.")
            lang, image = self._functions[function].lang, self._functions[function].image
            if not self._options.shrinkwrap:
                self._console.progress(f"Building: {image} with {lang} template. Please wait..")
            self._show(function, "preparing")

    def step(self, function: str, text: str) -> None:
        """A named step of a function's build began."""
        with self._lock:
            self._show(function, text)
            if self._status is None and not self._options.quiet:
                self._console.info(f"{function}: {text}")

    def line(self, function: str, text: str) -> None:
        """A tool printed a line; on a terminal it is shown only if the build fails."""
        if self._options.quiet or self._status is not None:
            return
        with self._lock:
            self._console.info(f"{function} | {text}" if self._prefixed else text)

    def note(self, function: str, text: str) -> None:
        """A remark for the user."""
        with self._lock, self._paused():
            self._console.info(f"{function}: {text}")

    def say(self, text: str) -> None:
        """Print a progress line, for people and for scripts."""
        with self._lock, self._paused():
            self._console.progress(text)

    def result(self, text: str) -> None:
        """Print a line of the command's result."""
        with self._lock, self._paused():
            self._console.data(text)

    def finished(self, worker: int, result: BuildResult) -> None:
        """A worker finished a function."""
        with self._lock, self._paused():
            self._doing.pop(result.function, None)
            self._refresh()
            if result.skipped:
                self._console.progress(f"Skipping build of: {result.function}.")
                return
            if result.error is None:
                self._console.progress(self._success(result))
            self._console.progress(f"[{worker}] < Building {result.function} done in {result.seconds:.2f}s.")

    def summary(self, results: Sequence[BuildResult]) -> None:
        """Print the total time and all errors."""
        self._console.progress("")
        self._console.progress(f"Total build time: {time.monotonic() - self._begun:.2f}s")
        failed = [result for result in results if result.error is not None]
        for result in failed:
            assert result.error is not None
            self._console.error(result.error.message, result.error.hint, result.error.detail)
        if len(results) > 1 and failed:
            names = ", ".join(result.function for result in failed)
            self._console.error(f"{len(failed)} of {len(results)} functions could not be built: {names}")

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Hide the live lines while other lines are printed."""
        if self._status is None:
            yield
            return
        self._status.stop()
        yield
        if self._doing:
            self._status.start()

    def _success(self, result: BuildResult) -> str:
        if result.outcome is None:
            return f"{result.function} shrink-wrapped to build/{result.function}"
        how = "unchanged" if result.outcome.cached else "built"
        return f"Image: {result.image} {how}."

    def _show(self, function: str, text: str) -> None:
        self._doing[function] = text
        self._refresh()

    def _refresh(self) -> None:
        if self._status is not None:
            from rich.text import Text

            # Text, because a step may contain brackets, which would be read as markup.
            self._status.update(Text("\n  ".join(f"{name}: {text}" for name, text in self._doing.items())))
