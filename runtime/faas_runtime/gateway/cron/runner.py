"""Queues a call of each scheduled function when its time has come."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from faas_runtime.gateway.control.status_cache import Catalogue
from faas_runtime.gateway.cron.schedule import Schedule
from faas_runtime.gateway.queue.model import NewCall
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.cron")

TOPIC = "cron-function"
_LONGEST_SLEEP = 5.0


def schedule_text(annotations: Mapping[str, str] | None) -> str:
    """The expression of a scheduled function, empty for any other."""
    given = annotations or {}
    topics = {topic.strip() for topic in given.get("topic", "").split(",")}
    return given.get("schedule", "") if TOPIC in topics else ""


def next_run(annotations: Mapping[str, str] | None, now: datetime) -> datetime | None:
    """When a function is due next; None where it is not scheduled, or by nonsense."""
    text = schedule_text(annotations)
    try:
        return Schedule.parse(text).after(now) if text else None
    except ValueError:
        return None


class CronRunner:
    """Knows when each scheduled function is due. A time that passed while no gateway ran is not made up for."""

    def __init__(
        self,
        catalogue: Catalogue,
        accept: Callable[[NewCall], Awaitable[None]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """While `leads` says no, another gateway makes the calls."""
        self._leads = leads
        self._catalogue = catalogue
        self._accept = accept
        self._now = now
        self._due: dict[tuple[FunctionKey, str], datetime | None] = {}

    async def run(self) -> None:
        """Call functions until cancelled."""
        while True:
            pause = await self.look()
            await asyncio.sleep(pause)

    async def look(self) -> float:
        """Queue what is due; returns seconds until the next look."""
        now = self._now()
        self._take_over(now)
        for (key, text), due in list(self._due.items()):
            if due is not None and due <= now:
                self._due[key, text] = Schedule.parse(text).after(now)
                if not self._leads():
                    continue
                await self._accept(_call(key))
                log.info("called %s, scheduled for %s", key, f"{due:%Y-%m-%dT%H:%MZ}")
        later = [(due - now).total_seconds() for due in self._due.values() if due is not None and due > now]
        return max(0.01, min([_LONGEST_SLEEP, *later]))

    def _take_over(self, now: datetime) -> None:
        wanted = {
            (key, text): None
            for key, status in self._catalogue.all().items()
            if (text := schedule_text(status.annotations))
        }
        for entry in wanted:
            if entry not in self._due:
                self._due[entry] = _first(entry, now)
        self._due = {entry: due for entry, due in self._due.items() if entry in wanted}


def _first(entry: tuple[FunctionKey, str], now: datetime) -> datetime | None:
    key, text = entry
    try:
        return Schedule.parse(text).after(now)
    except ValueError as error:
        log.warning("%s is not scheduled: %s", key, error)
        return None


def _call(key: FunctionKey) -> NewCall:
    return NewCall(
        call_id=str(uuid.uuid4()),
        key=key,
        path="/",
        query="",
        headers=(("X-Topic", TOPIC), ("X-Connector", "faas-cron")),
        body=b"",
    )
