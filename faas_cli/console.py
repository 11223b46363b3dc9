"""Everything printed to a person or a pipe. Commands name an intent and never a colour.

Data goes to stdout, so that pipes work; everything meant for people (progress, notes,
warnings, errors) goes to stderr, except the few lines that scripts of `faas-cli` match
on stdout. Colour and live displays appear only on a terminal and never with NO_COLOR.
"""

from __future__ import annotations

import contextlib
import os
import sys
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

_STYLES = {
    "error": "31;1",
    "warning": "33",
    "success": "32",
    "progress": "33",
    "banner": "34",
    "hint": "36",
    "dim": "2",
}


def open_closed_streams() -> None:
    """Put something behind each standard stream that was closed (`>&-`), so that no other file takes its number.

    stdin is at its end, messages for stderr are lost, and a write to stdout fails as it does for any program.
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
    """Let stdout end nowhere, so that the interpreter does not fail once more when it writes what is left."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


class Console:
    """The two streams of a command and what may be done to them."""

    def __init__(self, out: TextIO | None = None, err: TextIO | None = None, *, quiet: bool = False) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.quiet = quiet

    def is_live(self) -> bool:
        """Whether progress may be redrawn in place (stderr is a terminal that understands it)."""
        return self.err.isatty() and os.environ.get("TERM", "") != "dumb" and "CI" not in os.environ

    def _styled(self, text: str, style: str, stream: TextIO) -> str:
        if "NO_COLOR" in os.environ or not stream.isatty():
            return text
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"

    def data(self, text: str = "") -> None:
        """A line of the command's own result, on stdout."""
        self.out.write(text + "\n")

    def banner(self, text: str) -> None:
        """The logo, on stdout."""
        self.out.write(self._styled(text, "banner", self.out) + "\n")

    def progress(self, text: str) -> None:
        """A step that began or ended, on stdout as faas-cli prints it."""
        if not self.quiet:
            self.out.write(self._styled(text, "progress", self.out) + "\n")
            self.out.flush()

    def info(self, text: str) -> None:
        """A remark for people, on stderr."""
        if not self.quiet:
            self.err.write(text + "\n")

    def success(self, text: str) -> None:
        """Something worked, on stderr."""
        if not self.quiet:
            self.err.write(self._styled(text, "success", self.err) + "\n")

    def warning(self, text: str) -> None:
        """Something may surprise, on stderr."""
        self.err.write(self._styled(f"warning: {text}", "warning", self.err) + "\n")

    def error(self, message: str, hint: str = "", detail: str = "") -> None:
        """A failure, on stderr: the tool's own words, one sentence, a hint."""
        if detail:
            self.err.write(detail.rstrip("\n") + "\n")
        self.err.write(self._styled(f"faas: {message}", "error", self.err) + "\n")
        if hint:
            self.err.write(self._styled(f"  hint: {hint}", "hint", self.err) + "\n")
