"""`${NAME}` in a stack file: the forms of faas-cli, expanded in the raw text before YAML reads it.

`$NAME` stays as it is, an unset variable is empty, `$$` is a dollar sign. A value of several lines
stays one scalar: YAML would fold its line feeds, or read its lines as keys.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z0-9_]+")
_CASES: dict[str, Callable[[str], str]] = {
    "^^": str.upper,
    ",,": str.lower,
    "^": lambda text: text[:1].upper() + text[1:],
    ",": lambda text: text[:1].lower() + text[1:],
}


_HIDDEN = str.maketrans({"\n": "\ue00a", "\r": "\ue00d"})
_SHOWN = str.maketrans({"\ue00a": "\n", "\ue00d": "\r"})
"""Line ends of a value while YAML reads the text: characters for private use, which it takes for letters."""


def restored(scalar: str) -> str:
    """A scalar of an expanded text, with the line ends that its variables have."""
    return scalar.translate(_SHOWN)


class SubstitutionError(ValueError):
    """An expression cannot be read; `position` is where it begins in the text."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


def substitute(
    text: str, variables: Mapping[str, str], unset: Callable[[str, int], object] = lambda name, position: None
) -> str:
    """Expand every expression of `text`. Raises SubstitutionError.

    `unset` is called with the name and position of each variable that has neither a value nor a default.
    """
    return _Expansion(text, variables, unset).everything()


class _Expansion:
    """A pass over one text."""

    def __init__(self, text: str, variables: Mapping[str, str], unset: Callable[[str, int], object]) -> None:
        self._text = text
        self._unset = unset
        self._variables = variables
        self._at = 0

    def everything(self) -> str:
        return self._until("")

    def _until(self, ends: str) -> str:
        """Expand up to one of the characters in `ends` (not consumed), or to the end of the text."""
        parts: list[str] = []
        text = self._text
        while self._at < len(text) and text[self._at] not in ends:
            pair = text[self._at : self._at + 2]
            if pair == "${":
                line = text[text.rfind("\n", 0, self._at) + 1 : self._at]
                value = self._expression()
                parts.append(value if ends or not set(value) & {"\n", "\r"} else _on_line(value, line))
            elif pair in ("$$", "\\\\", "\\/"):
                parts.append(pair[1])
                self._at += 2
            else:
                parts.append(pair[0])
                self._at += 1
        return "".join(parts)

    def _expression(self) -> str:
        begin = self._at
        self._at += 2
        length = self._take("#")
        name = _NAME.match(self._text, self._at)
        if name is None:
            raise SubstitutionError("`${` without the name of a variable after it", begin)
        self._at = name.end()
        value = self._variables.get(name.group(), "")
        if name.group() not in self._variables and self._text.startswith("}", self._at):
            self._unset(name.group(), begin)
        result = str(len(value)) if length else self._operation(value)
        if not self._take("}"):
            raise SubstitutionError(f"`${{{name.group()}` is not closed by `}}`, or uses an unknown form", begin)
        return result

    def _operation(self, value: str) -> str:
        for operator in (":-", ":=", ":+", ":?", "="):
            if self._take(operator):
                default = self._until("}")
                return value or default
        for operator, change in _CASES.items():
            if self._take(operator):
                return change(value)
        if self._take(":"):
            return self._substring(value)
        for operator, trim in _TRIMS.items():
            if self._take(operator):
                return trim(value, self._until("}"))
        for operator in ("//", "/#", "/%", "/"):
            if self._take(operator):
                return self._replacement(value, operator)
        return value

    def _substring(self, value: str) -> str:
        begin = self._at
        numbers = self._until("}").split(":")
        try:
            offset, *rest = (int(number) for number in numbers)
        except ValueError:
            raise SubstitutionError(
                "a substring is `${NAME:OFFSET}` or `${NAME:OFFSET:LENGTH}`, in whole numbers", begin
            ) from None
        start = max(0, len(value) + offset) if offset < 0 else offset
        return value[start : start + rest[0]] if rest else value[start:]

    def _replacement(self, value: str, operator: str) -> str:
        old = self._until("/}")
        new = self._until("}") if self._take("/") else ""
        if not old:
            return value
        if operator == "/#":
            return new + value[len(old) :] if value.startswith(old) else value
        if operator == "/%":
            return value[: -len(old)] + new if value.endswith(old) else value
        return value.replace(old, new) if operator == "//" else value.replace(old, new, 1)

    def _take(self, literal: str) -> bool:
        if self._text.startswith(literal, self._at):
            self._at += len(literal)
            return True
        return False


def _on_line(value: str, before: str) -> str:
    """A value of several lines where `before` stands in front of it on its line."""
    if before.strip():
        return value.translate(_HIDDEN)
    # A line of its own: part of a block scalar, or keys, which belong at this depth.
    first, *rest = value.splitlines(keepends=True)
    if all(line.startswith(before) or not line.strip() for line in rest):
        return value
    return first + "".join(before + line for line in rest)


def _cut(value: str, pattern: str, lengths: range, suffix: bool) -> str:
    for length in lengths:
        part = value[len(value) - length :] if suffix else value[:length]
        if fnmatch.fnmatchcase(part, pattern):
            return value[: len(value) - length] if suffix else value[length:]
    return value


def _shortest(value: str) -> range:
    return range(len(value) + 1)


def _longest(value: str) -> range:
    return range(len(value), -1, -1)


# The longer operator first: `##` begins with `#`.
_TRIMS: dict[str, Callable[[str, str], str]] = {
    "##": lambda value, pattern: _cut(value, pattern, _longest(value), suffix=False),
    "#": lambda value, pattern: _cut(value, pattern, _shortest(value), suffix=False),
    "%%": lambda value, pattern: _cut(value, pattern, _longest(value), suffix=True),
    "%": lambda value, pattern: _cut(value, pattern, _shortest(value), suffix=True),
}
