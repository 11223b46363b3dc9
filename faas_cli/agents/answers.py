"""What a tool answers: one JSON text of a limited size, and errors in the words of the tools."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Any

import msgspec

from faas_cli.errors import FaasError, UsageError

MAX_BYTES = 16 * 1024
"""Size of an answer unless the caller chooses another one."""
_LEAST_BYTES = 512
_MORE = 64
"""Room for the keys that say what was left out."""

_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"`faas (?:list|ls)\b[^`]*`", "`list_functions`"),
        (r"`faas describe\b[^`]*`", "`describe_function`"),
        (r"`faas logs\b[^`]*`", "`function_logs`"),
        (r"`faas invoke\b[^`]*`", "`invoke_function`"),
        (r"`faas new\b[^`]*`", "`new_function`"),
        (r"`faas (?:build|push|deploy|up)\b[^`]*`", "`build_and_deploy`"),
        (r"`faas scale\b[^`]*`", "`scale_function`"),
        (r"`faas (?:remove|rm)\b[^`]*`", "`remove_function`"),
        (r"`faas template list\b[^`]*`", "`list_templates`"),
        (r", or another folder with `--handler`", ""),
        (r"`--append ([^`]*)`", r"`stack_file`: `\1`"),
        (r"`--builder (\w+)`", r"`builder`: `\1`"),
        (r"`(?:-f|--yaml) FILE`", "`stack_file`"),
        (r"`--filter`", "`function`"),
    )
)


def in_tool_words(text: str) -> str:
    """A message or hint of a command, which names tools and their arguments instead of commands and flags."""
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    return text


def error_text(err: FaasError) -> str:
    """Message, hint and detail of an error, each on lines of its own; a long detail is cut."""
    parts = [in_tool_words(err.message), in_tool_words(err.hint), err.detail]
    return shortened("\n".join(filter(None, parts)), MAX_BYTES)


def check_limit(max_bytes: int) -> None:
    """Raise UsageError for a size in which no answer fits."""
    if max_bytes < _LEAST_BYTES:
        raise UsageError(f"`max_bytes` must be at least {_LEAST_BYTES}: {max_bytes}")


def listed(values: list[Any], max_bytes: int = MAX_BYTES, *, last: bool = False) -> str:
    """The JSON text of a list, as `result`; without its end, or with `last` its start, where it is too long.

    `omitted` is then the number of values that are missing.
    """
    check_limit(max_bytes)
    encoded = [msgspec.json.encode(value) for value in (reversed(values) if last else values)]
    sizes = list(accumulate(len(each) + 1 for each in encoded))
    whole = sizes[-1] if sizes else 0
    kept = len(values)
    if whole + _MORE > max_bytes:
        kept = bisect_right(sizes, max_bytes - _MORE)
    # One long line is better than none.
    if values and not kept and isinstance(values[0], str):
        return _json({"result": [shortened(values[-1 if last else 0], max_bytes - 2 * _MORE)], "omitted": len(values)})
    shown = values[len(values) - kept :] if last else values[:kept]
    return _json({"result": shown} | ({"omitted": len(values) - kept} if kept < len(values) else {}))


def described(fields: dict[str, Any], max_bytes: int = MAX_BYTES) -> str:
    """The JSON text of an object; without its largest fields, whose names are in `omitted`, where it is too long."""
    check_limit(max_bytes)
    shown = dict(fields)
    omitted: list[str] = []
    while len(_json(shown).encode()) + sum(len(name) + 3 for name in omitted) + _MORE > max_bytes and shown:
        omitted.append(max(shown, key=lambda name: len(msgspec.json.encode(shown[name]))))
        del shown[omitted[-1]]
    return _json(shown | ({"omitted": omitted} if omitted else {}))


def shortened(text: str, max_bytes: int) -> str:
    """The longest start of a text that has at most this many bytes as JSON."""
    if len(msgspec.json.encode(text)) <= max_bytes:
        return text
    lengths = range(min(len(text), max_bytes) + 1)
    return text[: max(0, bisect_right(lengths, max_bytes, key=lambda n: len(msgspec.json.encode(text[:n]))) - 1)]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
