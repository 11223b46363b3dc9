"""The variables a stack file may use: the environment's, and those of files named with `--env-file`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from faas_cli.errors import StackError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")

# Values from `--env-file`, for the one command this process runs.
_from_files: dict[str, tuple[str, str]] = {}


# Variables without a value or a default in the stack files of this command, and their places.
_unset: dict[str, str] = {}


def note_unset(name: str, place: str) -> None:
    """Remember that a stack file uses a variable which is not set; `place` is its file and line."""
    _unset.setdefault(name, place)


def unset_hint() -> str:
    """The unset variables that the stack files of this command use; empty when there are none."""
    return "; ".join(f"the variable `{name}` is not set ({place})" for name, place in _unset.items())


def use_file(path: Path) -> None:
    """Read the variables of a file with lines NAME=value. Raises StackError with the line of an error."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise StackError(f"cannot be read: {err.strerror}", file=str(path)) from None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise StackError("is not of the form NAME=value", file=str(path), line=number)
        _from_files[match[1]] = (_unquoted(match[2]), f"{path}:{number}")


def variables() -> Mapping[str, str]:
    """All variables; the environment wins over files."""
    return {**{name: value for name, (value, _) in _from_files.items()}, **os.environ}


def origin(name: str) -> str:
    """Where a variable's value comes from, for people to read."""
    if name in os.environ:
        return "environment"
    return _from_files[name][1] if name in _from_files else "not set"


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    # A comment needs a space before it; a `#` in a password does not start one.
    return re.split(r"\s+#", value, maxsplit=1)[0]
