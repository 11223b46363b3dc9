"""Size limits of a stack file: a few bytes of YAML can describe a document that fills the memory.

Checked on the parser's events, before anything is built from them: the parser itself keeps
no tree and does not call itself, so it survives every text.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from faas_cli.errors import StackError

MAX_BYTES = 1024 * 1024
"""Maximum size of a stack file; a function takes a few hundred bytes."""
MAX_DEPTH = 50
"""Maximum nesting of maps and lists."""
MAX_VALUES = 100_000
"""Maximum number of values after aliases are followed."""

_SPLIT = "split it into several files"


@dataclass(slots=True)
class _Open:
    """A map or list that has not ended."""

    anchor: str
    values: int = 1


def check_bytes(size: int, file: str) -> None:
    """Raise StackError when a file of this size cannot be a stack file."""
    if size > MAX_BYTES:
        raise StackError(f"is {size / MAX_BYTES:.1f} MiB; the limit is 1 MiB", file=file, line=1, hint=_SPLIT)


def check_size(text: str, file: str, loader: Any) -> None:
    """Raise StackError at the place where a text nests too deeply, grows too large, or contains itself."""
    import yaml

    check_bytes(len(text.encode("utf-8", "surrogatepass")), file)
    try:
        _check_events(text, file, loader)
    except yaml.MarkedYAMLError as err:
        # The C scanner reads ahead of the events, and newer ones refuse deep nesting by themselves: the Python
        # parser, which has no such limit, shows whether that was the reason. It is slow, so it reads only what may
        # nest that deep.
        read = text[: err.problem_mark.index] if err.problem_mark else ""
        if read.count("[") + read.count("{") >= MAX_DEPTH:
            with suppress(yaml.YAMLError):
                _check_events(read, file, yaml.SafeLoader)
        raise


def _check_events(text: str, file: str, loader: Any) -> None:
    import yaml

    known: dict[str, int] = {}
    stack = [_Open("")]
    for event in yaml.parse(text, Loader=loader):
        mark = event.start_mark
        place = {"file": file, "line": mark.line + 1, "column": mark.column + 1} if mark else {"file": file}
        values = 0
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(_Open(event.anchor or ""))
            if len(stack) > MAX_DEPTH:
                raise StackError(f"nests more than {MAX_DEPTH} levels deep", **place, hint="close the brackets")
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = stack.pop()
            values = ended.values
            known[ended.anchor] = values
        elif isinstance(event, yaml.AliasEvent):
            if any(each.anchor == event.anchor for each in stack[1:]):
                raise StackError(f"`*{event.anchor}` refers to a value that contains it", **place, hint="write it out")
            values = known.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            values = known[event.anchor or ""] = 1
        stack[-1].values += values
        if stack[-1].values > MAX_VALUES:
            raise StackError(f"expands to more than {MAX_VALUES} values", **place, hint=_SPLIT)
