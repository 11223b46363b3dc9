"""Queues a call of each scheduled function when it is due."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from faas_runtime.core.api import SCHEDULE_TOPIC
from faas_runtime.gateway.control.status_cache import StatusCache
from faas_runtime.gateway.cron.schedule import Schedule, schedule_text
from faas_runtime.gateway.queue.model import NewCall
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.cron")

_MAX_SLEEP = 5.0

_Entry = tuple[FunctionKey, tuple[str, str]]


class CronRunner:
    """Knows when each scheduled function is due. Runs that were missed while no gateway ran are not made up for."""

    def __init__(
        self,
        statuses: StatusCache,
        accept: Callable[[NewCall], Awaitable[None]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        """While `is_leader` returns False, another gateway makes the calls."""
        self._is_leader = is_leader
        self._statuses = statuses
        self._accept = accept
        self._now = now
        self._due: dict[_Entry, datetime | None] = {}

    async def run(self) -> None:
        """Call functions until cancelled."""
        while True:
            pause = await self.step()
            await asyncio.sleep(pause)

    async def step(self) -> float:
        """Queue what is due; returns the seconds until the next step."""
        now = self._now()
        self._refresh(now)
        for (key, given), due in list(self._due.items()):
            if due is not None and due <= now:
                self._due[key, given] = Schedule.parse(*given).after(now)
                if not self._is_leader():
                    continue
                await self._accept(_call(key))
                log.info("called %s, scheduled for %s", key, f"{due:%Y-%m-%dT%H:%MZ}")
        later = [(due - now).total_seconds() for due in self._due.values() if due is not None and due > now]
        return max(0.01, min([_MAX_SLEEP, *later]))

    def _refresh(self, now: datetime) -> None:
        scheduled = [
            (key, given)
            for key, status in self._statuses.all().items()
            if (given := schedule_text(status.annotations)) is not None
        ]
        known = self._due
        self._due = {entry: known[entry] if entry in known else _first(entry, now) for entry in scheduled}


def _first(entry: _Entry, now: datetime) -> datetime | None:
    key, given = entry
    try:
        return Schedule.parse(*given).after(now)
    except ValueError as error:
        log.warning("%s is not scheduled: %s", key, error)
        return None


def _call(key: FunctionKey) -> NewCall:
    return NewCall(
        call_id=str(uuid.uuid4()),
        key=key,
        path="/",
        query="",
        headers=(("X-Topic", SCHEDULE_TOPIC), ("X-Connector", "faas-cron")),
        body=b"",
    )
