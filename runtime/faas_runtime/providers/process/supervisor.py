"""Keeps the desired number of replicas of one version of a function running."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import time
from collections.abc import Callable, Collection, Mapping

from faas_runtime.core.errors import RuntimeFault, StartFailed
from faas_runtime.providers.base import Endpoint
from faas_runtime.providers.common.logs import FunctionLog
from faas_runtime.providers.process.places import Places
from faas_runtime.providers.process.processes import Machine
from faas_runtime.providers.process.replica import Replica
from faas_runtime.providers.process.spec import ReplicaSpec

MIN_RESTART_DELAY = 0.1
"""Seconds before the first restart; each further one waits twice as long."""
MAX_RESTART_DELAY = 30.0
"""Maximum number of seconds between two restarts."""
HEALTHY_AFTER = 10.0
"""A replica that was ready for so many seconds resets the back-off."""

log = logging.getLogger("faas.process")


class Slot:
    """One replica position: a new process is started whenever the present one ends."""

    def __init__(self, owner: ReplicaSet) -> None:
        self._owner = owner
        self._stopping = False
        self.replica: Replica | None = None
        self.ready = False
        self.first_try: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())

    async def stop(self, grace: float) -> None:
        """End the replica for good."""
        self._stopping = True
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if not self.first_try.done():
            self.first_try.cancel()
        replica, self.replica = self.replica, None
        if replica is not None:
            await replica.stop(grace)

    async def _run(self) -> None:
        delay = MIN_RESTART_DELAY
        while True:
            ready_for = await self._run_once()
            delay = MIN_RESTART_DELAY if ready_for >= HEALTHY_AFTER else delay
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_RESTART_DELAY)

    async def _run_once(self) -> float:
        """Run one process to its end; returns for how many seconds it was ready."""
        replica = self.replica = self._owner.new_replica()
        began = 0.0
        try:
            await replica.launch()
            await replica.until_ready()
            began = time.monotonic()
            self._set_ready(True)
            code = await replica.ended()
            why = replica.killed or f"code {code}"
            log.warning("replica %s ended (%s), starting another", replica.instance, why)
        except StartFailed as fault:
            self._failed(fault)
        except Exception as error:
            # For example a full disk: the slot must be filled once there is room.
            if not isinstance(error, OSError):
                log.exception("replica %s failed", replica.instance)
            unstarted = StartFailed(f"`{self._owner.spec.key.name}` cannot be started: {error}")
            unstarted.__cause__ = error
            self._failed(unstarted)
        finally:
            self._set_ready(False)
        # Known to this slot until nothing is left of it: `stop` may interrupt this.
        await replica.stop(0)
        self.replica = None
        return time.monotonic() - began if began else 0.0

    def _failed(self, fault: StartFailed) -> None:
        log.warning("%s", str(fault).splitlines()[0])
        if not self.first_try.done():
            self.first_try.set_exception(fault)
            self.first_try.exception()  # marks it as retrieved: waiting for it is optional

    def _set_ready(self, ready: bool) -> None:
        if ready and not self.first_try.done():
            self.first_try.set_result(None)
        if self.ready != ready:
            self.ready = ready
            if not self._stopping:
                self._owner.changed()


class ReplicaSet:
    """All replicas of one version. `changed` is called whenever the ready ones change."""

    def __init__(
        self, spec: ReplicaSpec, places: Places, log: FunctionLog, machine: Machine, changed: Callable[[], None]
    ) -> None:
        self.spec = spec
        self.changed = changed
        self._places = places
        self._log = log
        self._machine = machine
        self._slots: list[Slot] = []

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The ready replicas."""
        return tuple(slot.replica.endpoint for slot in self._slots if slot.ready and slot.replica is not None)

    def pids(self) -> list[int]:
        """Process numbers of the running watchdogs."""
        return [slot.replica.pid for slot in self._slots if slot.replica is not None and slot.replica.pid]

    def renew_secrets(self, values: Mapping[str, bytes]) -> None:
        """Give these values to the replicas that run and to those that will be started. Blocking."""
        self.spec = dataclasses.replace(self.spec, secrets=values)
        for slot in self._slots:
            if slot.replica is not None:
                slot.replica.renew_secrets(values)

    def new_replica(self) -> Replica:
        """A replica of this version that has not been started."""
        instance = f"{self.spec.key.name}-{secrets.token_hex(4)}"
        return Replica(self.spec, instance, self._places.replica(instance), self._log, self._machine)

    def resize(self, count: int) -> list[Slot]:
        """Add slots, or remove slots and return them; the caller stops those once they get no calls."""
        while len(self._slots) < count:
            self._slots.append(Slot(self))
        # Those that are not ready are removed first: they have no calls.
        ranked = sorted(self._slots, key=lambda slot: not slot.ready)
        surplus = ranked[count:]
        self._slots = [slot for slot in self._slots if slot not in surplus]
        return surplus

    async def first_ready(self, limit: float) -> None:
        """Return once one replica is ready or `limit` seconds are over. Raises StartFailed when its process ends."""
        await _results([slot.first_try for slot in self._slots], asyncio.FIRST_COMPLETED, limit)

    async def all_ready(self, limit: float) -> None:
        """Return once every replica is ready. Raises StartFailed when one ends, or none follows for `limit` seconds."""
        waits = {slot.first_try for slot in self._slots}
        while waits:
            left = await _results(waits, asyncio.FIRST_EXCEPTION, limit)
            if len(left) == len(waits):
                raise StartFailed(f"`{self.spec.key.name}` was not ready after {limit:g} s")
            waits = left

    async def stop(self, grace: float) -> None:
        """Drain and end every replica."""
        await stop_slots(self.resize(0), grace)


async def stop_slots(slots: list[Slot], grace: float) -> None:
    """Drain and end these replicas, all at the same time."""
    await asyncio.gather(*(slot.stop(grace) for slot in slots))


async def _results(waits: Collection[asyncio.Future[None]], when: str, limit: float) -> set[asyncio.Future[None]]:
    """The futures that are still pending after `limit` seconds. Raises the fault of one that failed."""
    if not waits:
        return set()
    done, left = await asyncio.wait(waits, timeout=limit, return_when=when)
    for future in done:
        fault = future.exception()
        if isinstance(fault, RuntimeFault):
            raise fault
    return left
