"""What the replicas of this machine share: few are started at one time, and they are ended together."""

from __future__ import annotations

import asyncio

from faas_runtime.providers.process.processes import ProcessMark, kill_sessions

STARTS_AT_ONCE = 2
"""Starting a process holds up the gateway for some milliseconds; between two starts it answers calls."""


class Machine:
    """Starts and ends processes without keeping the gateway from its calls, however many there are."""

    def __init__(self) -> None:
        self.starting = asyncio.Semaphore(STARTS_AT_ONCE)
        """Held while a process is being started."""
        self._asked: list[ProcessMark] = []
        self._round: asyncio.Task[None] | None = None

    async def end_session(self, leader: ProcessMark) -> None:
        """Return once every process of the session that this one leads, or led, has been killed.

        Who else asks meanwhile shares one look at the machine's processes.
        """
        self._asked.append(leader)
        if self._round is None:
            self._round = asyncio.create_task(self._end_all())
        await asyncio.shield(self._round)

    async def _end_all(self) -> None:
        await asyncio.sleep(0)
        asked, self._asked, self._round = self._asked, [], None
        await asyncio.to_thread(kill_sessions, asked)
