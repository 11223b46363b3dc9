"""The workers of a gateway, as its control process sees them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.failures import FailureCounter
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.workers.counting import MetricsAggregate
from faas_runtime.gateway.workers.loads import LOAD_INTERVAL, LoadAggregator, LoadReporter
from faas_runtime.gateway.workers.messages import (
    Acknowledged,
    Begin,
    Blocked,
    Changed,
    Counts,
    Failed,
    FromWorker,
    InFlight,
    Removed,
    Serving,
    Stop,
    ToWorker,
    Wake,
    Woken,
    read_from_worker,
    send,
)
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RoutingChange

log = logging.getLogger("faas.gateway")

START_TIMEOUT = 20.0
"""Seconds a worker may take until it accepts connections."""
ACKNOWLEDGE_TIMEOUT = 2.0
"""Seconds that a change of routing waits for workers that do not answer."""
_SHORT_LIFE = 5.0
_PAUSE = 1.0


class WorkerSlot:
    """The place of one worker. It is filled again whenever its process ends."""

    def __init__(self, workers: WorkerPool, number: int, sockets: Sequence[socket.socket]) -> None:
        self._workers = workers
        self._number = number
        self._sockets = sockets
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.serving = asyncio.Event()
        self.acknowledged = 0
        self.stopping = False

    async def run(self) -> None:
        """Keep a worker until `stopping`."""
        while not self.stopping:
            began = time.monotonic()
            await self._one_life()
            if not self.stopping:
                log.warning("worker %d ended and is replaced", self._number)
                if time.monotonic() - began < _SHORT_LIFE:
                    await asyncio.sleep(_PAUSE)

    def tell(self, message: ToWorker) -> None:
        """Tell the worker something, if there is one."""
        if self._writer is not None:
            send(self._writer, message)

    @property
    def lives(self) -> bool:
        """Whether there is a worker that can be told something."""
        return self._writer is not None

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            self._process.kill()

    async def _one_life(self) -> None:
        numbers = [sock.fileno() for sock in self._sockets]
        ours, self._process = _launch(numbers)
        tally = MetricsAggregate(self._workers.metrics)
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            self.acknowledged = self._workers.changes
            self.tell(self._workers.begin(numbers))
            self._workers.loads.join(self, lambda replicas: self.tell(InFlight(replicas)))
            async for message in read_from_worker(reader):
                self._heard(message, tally)
        finally:
            self.serving.clear()
            self._writer.close()
            self._writer = None
            tally.end()
            self._workers.loads.leave(self)
            self._workers.moved.set()
            self._process.kill()
            # It is gone, or about to be.
            await asyncio.shield(asyncio.to_thread(self._process.wait))

    def _heard(self, message: FromWorker, tally: MetricsAggregate) -> None:
        match message:
            case Counts():
                tally.add(message)
            case Acknowledged():
                self.acknowledged = message.number
                self._workers.moved.set()
            case Wake():
                self._workers.wake(message.key, self)
            case Failed():
                self._workers.failures.count(message.address)
            case InFlight():
                self._workers.loads.heard(self, message.replicas)
            case Serving():
                log.info("worker %d serves (process %d)", self._number, self._process.pid if self._process else 0)
                self.serving.set()


class WorkerPool:
    """Keeps the wanted number of workers, tells them the routes, adds up what they count."""

    def __init__(
        self,
        settings: GatewaySettings,
        routes: RoutingTable,
        metrics: InvocationMetrics,
        failures: FailureCounter,
        wake: Callable[[FunctionKey], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._control = ""
        self._routes = routes
        self._wake = wake
        self._slots: list[WorkerSlot] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._waking: dict[FunctionKey, asyncio.Task[str]] = {}
        self.metrics = metrics
        self.failures = failures
        """Wrong credentials that any worker has been given, and the control process itself."""
        self.loads = LoadAggregator()
        self.changes = 0
        """How many changes of routing there have been."""
        self.moved = asyncio.Event()
        """Set whenever a worker has taken something over, or is gone."""
        routes.subscribe(self._changed)
        failures.subscribe(self._failed)

    async def start(self, control: str, sockets: Sequence[socket.socket], shared: Sequence[socket.socket]) -> None:
        """Start every worker, and return once all accept connections. Raises RuntimeFault.

        Each gets some of the `sockets`, all of them get the `shared` ones; `control` is the control API's.
        """
        self._control = control
        count = self._settings.workers
        for number in range(count):
            own = list(sockets[number::count]) or [sockets[number % len(sockets)]]
            slot = WorkerSlot(self, number + 1, [*own, *shared])
            self._slots.append(slot)
            self._tasks.append(asyncio.create_task(slot.run()))
        try:
            async with asyncio.timeout(START_TIMEOUT):
                for slot in self._slots:
                    await slot.serving.wait()
        except TimeoutError:
            raise RuntimeFault(f"not all of {count} workers came up within {START_TIMEOUT:g} s") from None

    async def stop(self, grace: float) -> None:
        """Let running calls finish for `grace` seconds, then end every worker."""
        for slot in self._slots:
            slot.stopping = True
            slot.tell(Stop(grace))
        if self._tasks:
            # A worker needs a moment to cut off what is left.
            await asyncio.wait(self._tasks, timeout=grace + 2)
        for slot, task in zip(self._slots, self._tasks, strict=True):
            slot.kill()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def acknowledged(self) -> None:
        """Return once every worker knows the present routes, or after a while."""
        wanted = self.changes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACKNOWLEDGE_TIMEOUT):
                while any(slot.lives and slot.acknowledged < wanted for slot in self._slots):
                    self.moved.clear()
                    await self.moved.wait()

    async def share_loads(self, proxy: Proxy) -> None:
        """Let the control process's own proxy be one of those that know of each other's calls."""
        ours = LoadReporter(self._settings.workers + 1)
        self.loads.join(proxy, ours.take_over)
        try:
            while True:
                await asyncio.sleep(LOAD_INTERVAL)
                self.loads.heard(proxy, ours.look(proxy.alternatives()))
        finally:
            self.loads.leave(proxy)

    def problem(self) -> str:
        """Which workers are missing; empty when none is."""
        missing = sum(not slot.serving.is_set() for slot in self._slots)
        return f"{missing} of {len(self._slots)} workers do not serve" if missing else ""

    def begin(self, sockets: list[int]) -> Begin:
        """What a new worker is told first."""
        return Begin(self._settings, self._control, sockets, self._routes.all(), self.failures.blocked())

    def wake(self, key: FunctionKey, slot: WorkerSlot) -> None:
        """A worker has calls that wait for a function: one wake-up for all workers."""
        task = self._waking.get(key)
        if task is None:
            task = self._waking[key] = asyncio.create_task(self._woken(key))
            task.add_done_callback(lambda _: self._waking.pop(key, None))
        task.add_done_callback(lambda done: slot.tell(Woken(key, done.result())) if not done.cancelled() else None)

    async def _woken(self, key: FunctionKey) -> str:
        route = self._routes.lookup(key)
        if route is None or route.replicas:
            # Somebody else was faster; the worker will have heard of it by now.
            return ""
        try:
            await self._wake(key)
        except RuntimeFault as fault:
            return str(fault)
        except Exception:
            log.exception("%s could not be woken", key)
            return "the gateway failed; its log says why"
        return ""

    def _changed(self, change: RoutingChange) -> None:
        self.changes += 1
        number = self.changes
        message = Removed(number, change) if isinstance(change, RouteRemoved) else Changed(number, change)
        self._tell_all(message)

    def _failed(self, address: str) -> None:
        seconds = self.failures.blocked_seconds(address)
        if seconds:
            self._tell_all(Blocked(address, seconds))

    def _tell_all(self, message: ToWorker) -> None:
        for slot in self._slots:
            slot.tell(message)


def _launch(sockets: Sequence[int]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """A new worker, which inherits these descriptors, and our end of the channel to it."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "faas_runtime.gateway.workers", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno(), *sockets],
        )
    return ours, process
