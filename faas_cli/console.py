"""Everything printed to a person or a pipe. Commands name an intent and never a colour.

Data goes to stdout, so that pipes work; everything meant for people (progress, notes,
warnings, errors) goes to stderr, except the few lines that scripts of `faas-cli` match
on stdout. Colour and live displays appear only on a terminal and never with NO_COLOR.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

# Our name in figlet's standard letters, where faas-cli shows its own.
LOGO = r"""
  __
 / _| __ _  __ _ ___
| |_ / _` |/ _` / __|
|  _| (_| | (_| \__ \
|_|  \__,_|\__,_|___/
""".strip("\n")

_STYLES = {"error": "31;1", "warning": "33", "progress": "33", "banner": "34", "hint": "36"}
_MIN_COLUMN = 8
"""Characters a column keeps when a table is fitted to a narrow terminal."""


def open_closed_streams() -> None:
    """Open each standard stream that was closed (`>&-`), so that no other file gets its descriptor.

    stdin is empty, messages on stderr are lost, and a write to stdout fails as it does for any program.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        if descriptor == 1:
            unwritable = os.open(os.devnull, os.O_RDONLY)
            os.dup2(unwritable, 1)
            os.close(unwritable)
    os.close(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def discard_output() -> None:
    """Redirect stdout to the null device, so that the interpreter does not fail again when it flushes."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Console:
    """The two streams of a command line.

    `quiet` hides progress and notes; `verbose` adds HTTP requests, all tool output and tracebacks.
    """

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, *, quiet: bool = False) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.quiet = quiet
        self.verbose = os.environ.get("FAAS_DEBUG") == "1"

    def is_live(self) -> bool:
        """Whether progress may be redrawn in place (stderr is a terminal that understands it)."""
        terminal = self.err.isatty() and os.environ.get("TERM", "") != "dumb" and "CI" not in os.environ
        return terminal and not self.verbose

    def _styled(self, text: str, style: str, stream: TextIO) -> str:
        if "NO_COLOR" in os.environ or not stream.isatty():
            return text
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def data(self, text: str = "", *, end: str = "\n") -> None:
        """A line of the command's own result, on stdout."""
        self.out.write(text + end)

    def data_now(self, text: str) -> None:
        """The same, passed on at once: for lines that appear while the command waits."""
        self.data(text)
        self.flush()

    def data_bytes(self, content: bytes) -> None:
        """Bytes of the command's own result, unchanged and at once, on stdout."""
        self.flush()
        self.out.buffer.write(content)
        self.out.buffer.flush()

    def flush(self) -> None:
        """Pass on what stdout still buffers."""
        self.out.flush()

    def fields(self, pairs: Iterable[tuple[str, object]]) -> None:
        """`Label: value` lines, the values in one column; pairs with an empty value are left out."""
        shown = [(label, str(value)) for label, value in pairs if str(value).strip()]
        width = max((len(label) for label, _ in shown), default=0)
        for label, value in shown:
            self.data(f"{label + ':':<{width + 2}}{value}")

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], *, piped: Sequence[int] = ()) -> None:
        """A table on stdout, its columns as wide as their cells.

        On a terminal the widest columns are cut so that no line wraps. A pipe gets every cell in full; with `piped`
        in a layout that scripts know: cells padded to these widths, a tab between them.
        """
        cells = [list(header), *([str(cell) for cell in row] for row in rows)]
        terminal = self.out.isatty()
        if piped and not terminal:
            padded = [*piped, *[0] * (len(header) - len(piped))]
            for row in cells:
                self.data("\t".join(f"{cell:<{width}}" for cell, width in zip(row, padded, strict=True)))
            return
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        if terminal:
            _fit(widths, shutil.get_terminal_size().columns - 2 * (len(widths) - 1))
        for row in cells:
            self.data(
                "  ".join(f"{_cut(cell, width):<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            )

    def banner(self, text: str) -> None:
        """The logo, on stdout."""
        self.out.write(self._styled(text, "banner", self.out) + "\n")

    def progress(self, text: str) -> None:
        """A step that began or ended, on stdout as faas-cli prints it."""
        if not self.quiet:
            self.out.write(self._styled(text, "progress", self.out) + "\n")
            self.out.flush()

    def info(self, text: str) -> None:
        """A note for people, on stderr."""
        if not self.quiet:
            self.err.write(text + "\n")

    def trace(self, text: str) -> None:
        """Details for debugging, on stderr, only when verbose."""
        if self.verbose:
            self.err.write(text + "\n")

    def warning(self, text: str) -> None:
        """Something surprising, on stderr."""
        self.err.write(self._styled(f"warning: {text}", "warning", self.err) + "\n")

    def error(self, message: str, hint: str = "", detail: str = "") -> None:
        """A failure, on stderr: the output of the tool that failed, one sentence, a hint."""
        if detail:
            self.err.write(detail.rstrip("\n") + "\n")
        self.err.write(self._styled(f"faas: {message}", "error", self.err) + "\n")
        if hint:
            self.err.write(self._styled(f"  hint: {hint}", "hint", self.err) + "\n")

    def interrupted(self) -> None:
        """Ctrl-C: one line, below the `^C` that the terminal shows."""
        self.err.write(self._styled("faas: interrupted", "error", self.err) + "\n")
        self.err.flush()


def current_console() -> Console:
    """The console of the command that runs, for code that is not handed one; a new one outside a command."""
    import click

    context = click.get_current_context(silent=True)
    return (context.find_object(Console) if context is not None else None) or Console()


def read_input(console: Console) -> str:
    """Standard input to its end; a person at a terminal is told how to end it."""
    if sys.stdin.isatty():
        console.info("Reading from standard input - hit Control + D to stop.")
    return sys.stdin.read()


def _fit(widths: list[int], room: int) -> None:
    """Shorten the widest columns until their sum fits, none below `_MIN_COLUMN`."""
    while sum(widths) > room and max(widths) > _MIN_COLUMN:
        widths[widths.index(max(widths))] -= 1


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
