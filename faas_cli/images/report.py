"""Reporting a build on the console: faas-cli's lines and, on a terminal, a live line per function."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from faas_cli.errors import FaasError
from faas_cli.images.model import BuildOptions, BuildReporter, BuildResult
from faas_cli.images.tags import image_reference
from faas_cli.output.live import LiveLines

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.stack.model import Function

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Lines of npm, of the Test Anything Protocol (node --test) and of unittest that say that all is well.
_NOISE = re.compile(
    r"""\s*(
    | npm\ (notice|warn\ deprecated|WARN\ deprecated)\b.*
    | (up\ to\ date|(added|removed|changed|audited)\ \d+\ packages?)\b.*
    | \d+\ packages?\ (is|are)\ looking\ for\ funding | run\ `npm\ fund`.* | found\ 0\ vulnerabilities
    | TAP\ version\ \d+ | \#\ Subtest:.* | ok\ \d+\b.* | \d+\.\.\d+ | --- | \.\.\. | (duration_ms|type):\ .*
    | \#\ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms)\ [\d.]+
    | -{70} | Ran\ \d+\ tests?\ in\ .* | OK(\ \(skipped=\d+\))?
    )\s*""",
    re.VERBOSE,
)


class ConsoleReporter(BuildReporter):
    """Prints a build's progress; safe to use from several threads. Use as a context manager."""

    def __init__(self, console: Console, functions: Sequence[Function], options: BuildOptions) -> None:
        self._console = console
        self._functions = {function.name: function for function in functions}
        self._options = options
        # With parallel builds, each line is prefixed with its function.
        self._prefixed = options.parallel > 1 and len(functions) > 1
        self._live = LiveLines(console)
        self._quiet = options.quiet or console.quiet
        self._printed: set[str] = set()
        self._begun = time.monotonic()

    def __enter__(self) -> ConsoleReporter:
        if not self._quiet:
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(*error)

    def started(self, worker: int, function: str) -> None:
        """A worker began to build a function."""
        if self._functions[function].skip_build:
            return
        with self._live.above():
            self._console.progress(f"[{worker}] > Building {function}.")
            lang, image = self._functions[function].lang, self._image(function)
            if not self._options.shrinkwrap:
                self._console.progress(f"Building: {image} with {lang} template. Please wait..")
        self._show(function, "preparing")

    def step(self, function: str, text: str) -> None:
        """A named step of a function's build began."""
        self._show(function, text)
        if not self._live.shown and not self._quiet:
            with self._live.above():
                self._console.info(f"{function}: {text}")

    def transfer(self, function: str, text: str, done: int, total: int) -> None:
        """A step has moved `done` of `total` bytes; shown on a terminal only."""
        self._show(function, text, done, total)

    def line(self, function: str, text: str) -> None:
        """A tool printed a line; on a terminal it is shown only if the build fails, as is the noise of tools."""
        if self._quiet or self._live.shown or (is_noise(text) and not self._console.verbose):
            return
        with self._live.above():
            self._printed.add(text)
            self._console.info(f"{function} | {text}" if self._prefixed else text)

    def note(self, function: str, text: str) -> None:
        """A remark for the user."""
        with self._live.above():
            self._console.info(f"{function}: {text}")

    def say(self, text: str) -> None:
        """Print a progress line, for people and for scripts."""
        with self._live.above():
            self._console.progress(text)

    def result(self, text: str) -> None:
        """Print a line of the command's result."""
        with self._live.above():
            self._console.data(text)

    def finished(self, worker: int, result: BuildResult) -> None:
        """A worker finished a function."""
        self._live.remove(result.function)
        with self._live.above():
            if result.skipped:
                self._console.progress(f"Skipping build of: {result.function}.")
                return
            if result.outcome is not None and result.outcome.cached:
                self._console.info(f"{result.function}: unchanged since the last build")
            if result.error is None:
                self._console.progress(self._success(result))
            self._console.progress(f"[{worker}] < Building {result.function} done in {result.seconds:.2f}s.")

    def ended(self, worker: int) -> None:
        """A worker has nothing more to do."""
        self.say(f"[{worker}] Worker done.")

    def summary(self, results: Sequence[BuildResult]) -> None:
        """Print the total time and all errors."""
        self._console.progress("")
        self._console.progress(f"Total build time: {time.monotonic() - self._begun:.2f}s")
        failed = [result for result in results if result.error is not None]
        for result in failed:
            assert result.error is not None
            detail = result.error.detail
            lines = {line for line in detail.splitlines() if line and not is_noise(line)}
            if len(results) == 1 and lines <= self._printed:
                detail = ""  # it is above
            self._console.error(result.error.message, result.error.hint, detail)
        if len(results) > 1 and failed:
            names = ", ".join(result.function for result in failed)
            self._console.error(f"{len(failed)} of {len(results)} functions could not be built: {names}")

    def _image(self, function: str) -> str:
        """The image's name with its tag; as in the stack file when that has a mistake, which the build reports."""
        try:
            return image_reference(self._functions[function], self._options.tag)
        except FaasError:
            return self._functions[function].image

    def _success(self, result: BuildResult) -> str:
        if result.outcome is None:
            return f"{result.function} shrink-wrapped to build/{result.function}"
        return f"Image: {result.image} built."

    def _show(self, function: str, text: str, done: int = 0, total: int = 0) -> None:
        if not self._quiet:
            self._live.show(function, f"{function}: {text}", done, total)


def is_noise(text: str) -> bool:
    """Whether a line of a tool says nothing about the function: npm's advertising, the frame of test results."""
    return _NOISE.fullmatch(_ESCAPES.sub("", text)) is not None
