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
    BlockAddress,
    FromWorker,
    Loads,
    LoginFailed,
    MetricsDelta,
    RemoveRoute,
    Serving,
    Start,
    Stop,
    ToWorker,
    UpdateRoute,
    WakeRequest,
    WakeResult,
    read_from_worker,
    send,
)
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RoutingChange

log = logging.getLogger("faas.gateway")

START_TIMEOUT = 20.0
"""Seconds a worker may take until it accepts connections."""
ACKNOWLEDGE_TIMEOUT = 2.0
"""Seconds that a change of routing waits for workers to acknowledge it."""
_CUT_OFF_TIMEOUT = 2.0
# A worker that ends sooner than this is replaced only after a pause.
_MIN_UPTIME_INTERVAL = 5.0
_RESTART_INTERVAL = 1.0


class WorkerSlot:
    """The place of one worker. Its process is replaced whenever it ends."""

    def __init__(self, workers: WorkerPool, number: int, sockets: Sequence[socket.socket]) -> None:
        self._workers = workers
        self._number = number
        self._sockets = sockets
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.serving = asyncio.Event()
        self.acknowledged = 0
        """Number of the last change of routing that is in effect here."""
        self.stopping = False

    async def run(self) -> None:
        """Keep a worker running until `stopping`."""
        while not self.stopping:
            began = time.monotonic()
            await self._run_once()
            if not self.stopping:
                log.warning("worker %d ended and is replaced", self._number)
                if time.monotonic() - began < _MIN_UPTIME_INTERVAL:
                    await asyncio.sleep(_RESTART_INTERVAL)

    def send(self, message: ToWorker) -> None:
        """Send the worker a message, if there is a worker."""
        if self._writer is not None:
            send(self._writer, message)

    @property
    def connected(self) -> bool:
        """Whether there is a worker that receives messages."""
        return self._writer is not None

    def kill(self) -> None:
        """End the worker immediately."""
        if self._process is not None:
            self._process.kill()

    async def _run_once(self) -> None:
        descriptors = [sock.fileno() for sock in self._sockets]
        channel, self._process = _launch(descriptors)
        metrics = MetricsAggregate(self._workers.metrics)
        reader, self._writer = await asyncio.open_unix_connection(sock=channel)
        try:
            self.acknowledged = self._workers.changes
            self.send(self._workers.start_message(descriptors))
            self._workers.loads.join(self, lambda replicas: self.send(Loads(replicas)))
            async for message in read_from_worker(reader):
                self._handle(message, metrics)
        finally:
            self.serving.clear()
            self._writer.close()
            self._writer = None
            metrics.close()
            self._workers.loads.leave(self)
            self._workers.progress.set()
            self._process.kill()
            # The process has ended, or is about to.
            await asyncio.shield(asyncio.to_thread(self._process.wait))

    def _handle(self, message: FromWorker, metrics: MetricsAggregate) -> None:
        match message:
            case MetricsDelta():
                metrics.add(message)
            case Acknowledged():
                self.acknowledged = message.number
                self._workers.progress.set()
            case WakeRequest():
                self._workers.wake(message.key, self)
            case LoginFailed():
                self._workers.failures.count(message.address)
            case Loads():
                self._workers.loads.update(self, message.replicas)
            case Serving():
                log.info("worker %d serves (process %d)", self._number, self._process.pid if self._process else 0)
                self.serving.set()


class WorkerPool:
    """Keeps the desired number of workers, sends them the routes, sums up their metrics."""

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
        """Failed logins at every worker and at the control process."""
        self.loads = LoadAggregator()
        self.changes = 0
        """How many changes of routing there have been."""
        self.progress = asyncio.Event()
        """Set whenever a worker has acknowledged a change, or has ended."""
        routes.subscribe(self._route_changed)
        failures.subscribe(self._login_failed)

    async def start(self, control: str, sockets: Sequence[socket.socket], shared: Sequence[socket.socket]) -> None:
        """Start every worker, and return once all accept connections. Raises RuntimeFault.

        Each gets some of the `sockets`, all get the `shared` ones; `control` is the path of the control API's socket.
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
            raise RuntimeFault(f"not all of {count} workers started within {START_TIMEOUT:g} s") from None

    async def stop(self, grace: float) -> None:
        """Let running calls finish for `grace` seconds, then end every worker."""
        for slot in self._slots:
            slot.stopping = True
            slot.send(Stop(grace))
        if self._tasks:
            # A worker needs a moment to cut the remaining connections.
            await asyncio.wait(self._tasks, timeout=grace + _CUT_OFF_TIMEOUT)
        for slot, task in zip(self._slots, self._tasks, strict=True):
            slot.kill()
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def acknowledged(self) -> None:
        """Return once the current routes are in effect at every worker, or after `ACKNOWLEDGE_TIMEOUT`."""
        desired = self.changes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACKNOWLEDGE_TIMEOUT):
                while any(slot.connected and slot.acknowledged < desired for slot in self._slots):
                    self.progress.clear()
                    await self.progress.wait()

    async def share_loads(self, proxy: Proxy) -> None:
        """Exchange loads with the workers for the control process's own proxy. Does not return."""
        reporter = LoadReporter(self._settings.workers + 1)
        self.loads.join(proxy, reporter.apply)
        try:
            while True:
                await asyncio.sleep(LOAD_INTERVAL)
                self.loads.update(proxy, reporter.sample(proxy.alternatives()))
        finally:
            self.loads.leave(proxy)

    def problem(self) -> str:
        """How many workers are missing; empty if none is."""
        missing = sum(not slot.serving.is_set() for slot in self._slots)
        return f"{missing} of {len(self._slots)} workers do not serve" if missing else ""

    def start_message(self, sockets: list[int]) -> Start:
        """The first message to a new worker."""
        return Start(self._settings, self._control, sockets, self._routes.all(), self.failures.blocked())

    def wake(self, key: FunctionKey, slot: WorkerSlot) -> None:
        """A worker has calls that wait for a function: wake it once for all workers."""
        task = self._waking.get(key)
        if task is None:
            task = self._waking[key] = asyncio.create_task(self._woken(key))
            task.add_done_callback(lambda _: self._waking.pop(key, None))
        task.add_done_callback(lambda done: slot.send(WakeResult(key, done.result())) if not done.cancelled() else None)

    async def _woken(self, key: FunctionKey) -> str:
        route = self._routes.lookup(key)
        if route is None or route.replicas:
            # Woken already; the worker has been sent that change.
            return ""
        try:
            await self._wake(key)
        except RuntimeFault as fault:
            return str(fault)
        except Exception:
            log.exception("%s could not be woken", key)
            return "the gateway failed; its log has the reason"
        return ""

    def _route_changed(self, change: RoutingChange) -> None:
        self.changes += 1
        number = self.changes
        self._broadcast(
            RemoveRoute(number, change) if isinstance(change, RouteRemoved) else UpdateRoute(number, change)
        )

    def _login_failed(self, address: str) -> None:
        seconds = self.failures.blocked_seconds(address)
        if seconds:
            self._broadcast(BlockAddress(address, seconds))

    def _broadcast(self, message: ToWorker) -> None:
        for slot in self._slots:
            slot.send(message)


def _launch(descriptors: Sequence[int]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start a worker, which inherits these descriptors; returns this process's end of the channel to it."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "faas_runtime.gateway.workers", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno(), *descriptors],
        )
    return ours, process
