"""Cron expressions: minute, hour, day of month, month, day of week; in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = dict(zip(["sun", "mon", "tue", "wed", "thu", "fri", "sat"], range(7), strict=True))
_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# The 29th of February on one weekday comes back after at most 40 years.
_FURTHEST = timedelta(days=366 * 41)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments an expression stands for. Each set holds the values at which that part fits."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Day of month and day of week are both limited: one of them is enough, as in every cron."""

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Raises ValueError, naming the part that makes no sense."""
        parts = _SHORT.get(text.strip().lower(), text).split()
        if len(parts) != 5:
            raise ValueError(f"`{text}` does not have the five parts minute, hour, day, month and weekday")
        minute, hour, day, month, weekday = parts
        found = cls(
            minutes=_values(minute, 0, 59, {}),
            hours=_values(hour, 0, 23, {}),
            days=_values(day, 1, 31, {}),
            months=_values(month, 1, 12, _MONTHS),
            weekdays=frozenset(value % 7 for value in _values(weekday, 0, 7, _DAYS)),
            either_day=not day.startswith(("*", "?")) and not weekday.startswith(("*", "?")),
        )
        if found.after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"`{text}` never comes")
        return found

    def after(self, moment: datetime) -> datetime | None:
        """The first moment later than this one; None when there is none."""
        at = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = at + _FURTHEST
        while at < end:
            if at.month not in self.months:
                at = (at.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
            elif not self._fits_day(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        return None

    def _fits_day(self, at: datetime) -> bool:
        day, weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


def _values(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        area, slash, step = part.partition("/")
        first, last = _area(area, low, high, names, bool(slash))
        width = _number(step, 1, high, {}) if slash else 1
        found.update(range(first, last + 1, width))
    return frozenset(found)


def _area(text: str, low: int, high: int, names: dict[str, int], stepped: bool) -> tuple[int, int]:
    if text in ("*", "?"):
        return low, high
    first, dash, last = text.partition("-")
    begin = _number(first, low, high, names)
    if not dash:
        return begin, high if stepped else begin
    end = _number(last, low, high, names)
    if end < begin:
        raise ValueError(f"`{text}` runs backwards")
    return begin, end


def _number(text: str, low: int, high: int, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    if not (text.isascii() and text.isdigit() and len(text) < 4 and low <= int(text) <= high):
        raise ValueError(f"`{text}` is not between {low} and {high}")
    return int(text)
