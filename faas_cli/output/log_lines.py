"""Lines of a function's log, as `faas logs` prints them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from faas_cli.errors import UsageError
from faas_runtime.core.api import LogMessage, encode

FORMATS = ("plain", "keyvalue", "json")

# Go's reference time, part by part, as strftime spells it; longer parts first.
_GO_LAYOUT = (
    ("2006", "%Y"), ("January", "%B"), ("Monday", "%A"), ("Jan", "%b"), ("Mon", "%a"),
    ("-0700", "+0000"), ("Z07:00", "Z"), ("-07:00", "+00:00"), ("MST", "UTC"),
    ("01", "%m"), ("02", "%d"), ("15", "%H"), ("03", "%I"), ("04", "%M"), ("05", "%S"), ("06", "%y"), ("PM", "%p"),
    (".000000000", ".%f000"), (".000000", ".%f"),
)  # fmt: skip
_NAMED = {
    "ansic": "Mon Jan 02 15:04:05 2006",
    "unixdate": "Mon Jan 02 15:04:05 MST 2006",
    "rubydate": "Mon Jan 02 15:04:05 -0700 2006",
    "rfc822": "02 Jan 06 15:04 MST",
    "rfc822z": "02 Jan 06 15:04 -0700",
    "rfc850": "Monday, 02-Jan-06 15:04:05 MST",
    "rfc1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "rfc1123z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "rfc3339": "2006-01-02T15:04:05Z07:00",
    "rfc3339nano": "2006-01-02T15:04:05.000000000Z07:00",
}


def render(message: LogMessage, output_format: str, time_format: str, *, show_name: bool, instance: bool) -> str:
    """One line of output for one line of a log."""
    if output_format == "json":
        return encode(message).decode()
    moment = _time(message.timestamp, time_format) if time_format else ""
    if output_format == "keyvalue":
        fields = [f'timestamp="{moment}" '] if moment else []
        fields += [f'name="{message.name}" '] if show_name else []
        fields += [f'instance="{message.instance}" '] if instance else []
        return "".join([*fields, f'text="{message.text.rstrip()}" '])
    parts = [moment] if moment else []
    parts += [message.name] if show_name else []
    parts += [f"({message.instance})"] if instance else []
    return " ".join([*parts, message.text.rstrip("\n")])


def since_time(seconds: float | None, moment: str) -> str:
    """The gateway's `since`: the typed time, else this many seconds ago, empty for neither. Raises UsageError."""
    if moment:
        try:
            datetime.fromisoformat(moment)
        except ValueError:
            raise UsageError(
                f"`--since-time {moment}` is not a time", hint="write it like 2026-01-31T12:00:00Z"
            ) from None
        return moment
    if seconds is None:
        return ""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(timestamp: str, layout: str) -> str:
    # Python knows microseconds; the wire has nanoseconds.
    head, dot, rest = timestamp.partition(".")
    digits = rest.rstrip("Z")
    try:
        moment = datetime.fromisoformat(f"{head}{dot}{digits[:6]}{'+00:00' if timestamp.endswith('Z') else ''}")
    except ValueError:
        return timestamp
    form = _NAMED.get(layout.lower(), layout)
    for go, ours in _GO_LAYOUT:
        form = form.replace(go, ours)
    return moment.strftime(form)
