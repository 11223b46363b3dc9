"""The schedule in a function's annotations: a cron expression and the time zone it is meant in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from faas_runtime.core.api import SCHEDULE_TOPIC

TIMEZONE_ANNOTATION = "com.faas.schedule.timezone"
"""Time zone of the schedule, such as `Europe/Berlin`; UTC without it."""
_PREFIXES = ("CRON_TZ=", "TZ=")
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """The moments of a cron expression, by the clocks of a time zone.

    At the change to summer time a moment that the clocks skip comes when they have been put forward; at the
    change back, one that comes twice counts once. Expressions that name no hour or no minute (`*/15 * * * *`)
    follow the real time in both cases.
    """

    expression: str
    zone: tzinfo

    @classmethod
    def parse(cls, text: str, timezone: str = "") -> Schedule:
        """Read `text`, which may begin with `CRON_TZ=ZONE`. Raises ValueError, naming what is wrong."""
        prefix = next((each for each in _PREFIXES if text.startswith(each)), "")
        if prefix:
            named, _, text = text.removeprefix(prefix).partition(" ")
            if timezone and timezone != named:
                raise ValueError(f"the time zones `{named}` and `{timezone}` contradict each other; remove one")
            timezone = named
        fields = _MACROS.get(text.strip().lower(), text).split()
        if len(fields) != _FIELDS:
            raise ValueError(f"`{text}` does not have the five fields minute, hour, day, month and weekday")
        # `?` is another `*` for day and weekday in the cron of some systems.
        found = cls(" ".join("*" if field == "?" else field for field in fields), _zone(timezone))
        try:
            following = found.after(datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            raise ValueError(f"`{text}`: the {str(error).removeprefix('Bad ')} is invalid") from None
        if following is None:
            raise ValueError(f"`{text}` never comes")
        return found

    def after(self, moment: datetime) -> datetime | None:
        """The first moment later than this one, in UTC; None when there is none."""
        for found in CronSim(self.expression, moment.astimezone(self.zone)):
            following = found.astimezone(UTC)
            # At the change back to winter time the library also yields the past half of the hour that comes twice.
            if following > moment:
                return following
        return None


def schedule_text(annotations: Mapping[str, str] | None) -> tuple[str, str] | None:
    """Expression and time zone of a scheduled function as they were given; None for any other function."""
    given = annotations or {}
    topics = {topic.strip() for topic in given.get("topic", "").split(",")}
    text = given.get("schedule", "") if SCHEDULE_TOPIC in topics else ""
    return (text, given.get(TIMEZONE_ANNOTATION, "")) if text else None


def next_run(annotations: Mapping[str, str] | None, now: datetime) -> datetime | None:
    """When a function is due next; None where it is not scheduled, or its schedule is invalid."""
    given = schedule_text(annotations)
    try:
        return Schedule.parse(*given).after(now) if given else None
    except ValueError:
        return None


def _zone(name: str) -> tzinfo:
    # The library takes a shorter way for this very object.
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"`{name}` is not a time zone such as `Europe/Berlin`") from None
