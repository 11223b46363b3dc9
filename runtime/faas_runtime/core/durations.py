"""Lengths of time as Go writes them (`300ms`, `1m30s`, `2h`), the notation of flags, annotations and variables."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def go_duration(text: str) -> float:
    """Seconds of a duration as Go's `time.ParseDuration` reads it, sign included. Raises ValueError."""
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    total, position = 0.0, 0
    while part := _PART.match(rest, position):
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not rest or position != len(rest):
        raise ValueError(f"`{text}` is not a duration such as 10s or 1m30s")
    return sign * total


def parse_duration(text: str) -> float:
    """Seconds of a duration that is not negative; a bare number counts as seconds. Raises ValueError.

    The watchdog and the gateway of OpenFaaS read their settings so.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if text[:1] in ("-", "+"):
        raise ValueError(f"`{text}` is not a duration such as 10s or 1m30s")
    return go_duration(text)


def duration_or_none(text: str) -> float | None:
    """`parse_duration`, with None for invalid text: for settings where invalid values are ignored."""
    try:
        return parse_duration(text)
    except ValueError:
        return None


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads as this many seconds, to the millisecond: `24h`, `90s`, `500ms`."""
    thousandths = round(seconds * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if thousandths >= size and thousandths % size == 0:
            return f"{thousandths // size}{unit}"
    return f"{thousandths}ms" if thousandths else "0s"
