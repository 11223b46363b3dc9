"""`.dockerignore` as Docker reads it: which files of a context are sent to the engine.

The rules are those of github.com/moby/patternmatcher; as in BuildKit, exceptions hold below excluded folders, too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faas_cli.images.tree import SUPPORT_FOLDER, everything_below

# BuildKit takes the first that exists.
_FILES = ("Dockerfile.dockerignore", ".dockerignore")


class PatternError(ValueError):
    """A pattern is invalid; the message names it."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    expression: re.Pattern[str]
    exception: bool


class Ignore:
    """The patterns of one file; the last that matches a path or one of its folders wins. Raises PatternError."""

    def __init__(self, text: str) -> None:
        self._patterns = list(_patterns(text))

    def excludes(self, path: str) -> bool:
        """Whether a path of the context, relative and with `/`, is left out."""
        parts = path.split("/")
        above = ["/".join(parts[:number]) for number in range(len(parts), 0, -1)]
        excluded = False
        for pattern in self._patterns:
            if pattern.exception == excluded and any(pattern.expression.fullmatch(each) for each in above):
                excluded = not pattern.exception
        return excluded


def ignore_file(context: Path) -> Path | None:
    """The file with the patterns of a context, if it has one."""
    return next((context / name for name in _FILES if (context / name).is_file()), None)


def sent_files(context: Path) -> list[str]:
    """The paths of a context that are sent to an engine, folders before their content. Raises PatternError.

    The engine itself removes the Dockerfile and `.dockerignore` if they are excluded.
    """
    ignore = _ignore(context)
    found: dict[str, None] = {}
    for name, _ in everything_below(context):
        if name in ("Dockerfile", ".dockerignore") or not ignore.excludes(name.rstrip("/")):
            parts = name.rstrip("/").split("/")
            found |= dict.fromkeys("/".join(parts[:number]) for number in range(1, len(parts) + 1))
    return list(found)


def top_names(context: Path) -> dict[str, bool]:
    """The names at the top of a context that `COPY . .` copies, and whether each is a folder; ours is none of them.

    Raises PatternError.
    """
    ignore = _ignore(context)
    names: dict[str, bool] = {}
    for name, _ in everything_below(context):
        top, below, _ = name.partition("/")
        if top not in names and (top, below) != (SUPPORT_FOLDER, "/") and not ignore.excludes(name.rstrip("/")):
            names[top] = bool(below)
    return dict(sorted(names.items()))


def _ignore(context: Path) -> Ignore:
    file = ignore_file(context)
    try:
        return Ignore(file.read_text(encoding="utf-8", errors="surrogateescape") if file else "")
    except PatternError as err:
        raise PatternError(f"{file.name if file else ''}: {err}") from None


def _patterns(text: str) -> Iterator[_Pattern]:
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip()
        if line.startswith("#") or not pattern:
            continue
        exception = pattern.startswith("!")
        if exception:
            pattern = pattern[1:].strip()
            if not pattern:
                raise PatternError("`!` has no pattern after it")
        # `/a` is `a`, and `a/../b/` is `b`; `/` alone is nothing.
        pattern = posixpath.normpath(re.sub("^/+(?=.)", "/", pattern))
        pattern = pattern[1:] if len(pattern) > 1 and pattern[0] == "/" else pattern
        _check(pattern)
        yield _Pattern(re.compile(_expression(pattern), re.DOTALL), exception)


def _expression(pattern: str) -> str:
    """The regular expression for a pattern: `*`, `?` and `[]` within a name, `**` for any number of folders."""
    literal = not re.search(r"[*?\[\]\\]", pattern)
    if literal:
        return re.escape(pattern)
    rest = pattern[2:]
    if pattern.startswith("**") and not re.search(r"[*?\[\]\\]", rest):
        # `**/a` is `a` at any depth, `**a` any path that ends so.
        return f"(?:.*/)?{re.escape(rest[1:])}" if rest.startswith("/") else f".*{re.escape(rest)}"
    found, position, inside = "", 0, False
    while position < len(pattern):
        character, following = pattern[position], pattern[position + 1 : position + 2]
        position += 1
        if character == "*" and following == "*":
            position += 1
            position += pattern[position : position + 1] == "/"
            found += ".*" if position >= len(pattern) else "(?:.*/)?"
        elif character in "*?":
            found += "[^/]*" if character == "*" else "[^/]"
        elif character == "\\" and following:
            position += 1
            found += re.escape(following)
        elif character in "[]":
            found += re.escape(character) if inside and character == "[" else character
            inside = character == "["
        else:
            found += character if inside and character in "^-" else re.escape(character)
    return found


def _check(pattern: str) -> None:
    """Raise PatternError for what Go's `filepath.Match` refuses."""
    if not re.fullmatch(r"(?:[^\\\[]|\\.|\[\^?(?:(?:[^\\\]-]|\\.)(?:-(?:[^\\\]-]|\\.))?)+\])*", pattern, re.DOTALL):
        raise PatternError(f"`{pattern}` is not a valid pattern")
