"""A worker: one proxy, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.auth.function_auth import guard_of
from faas_runtime.gateway.background import Loops
from faas_runtime.gateway.listeners.tls import certificate_of
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, proxy_settings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.state import StateDir
from faas_runtime.gateway.workers.counting import MetricsReporter
from faas_runtime.gateway.workers.loads import LOAD_INTERVAL, LoadReporter
from faas_runtime.gateway.workers.messages import (
    Acknowledged,
    Begin,
    Blocked,
    Changed,
    Failed,
    FromWorker,
    InFlight,
    Removed,
    Serving,
    Stop,
    ToWorker,
    Wake,
    Woken,
    read_to_worker,
    send,
)
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate

METRICS_INTERVAL = 0.1
"""Seconds between two looks at the counters."""
_GRACE_ALONE = 10.0


class Worker:
    """Serves until the control process says stop, or is gone."""

    def __init__(self, begin: Begin, writer: asyncio.StreamWriter) -> None:
        self._begin = begin
        self._writer = writer
        self._routes = RoutingTable()
        self._metrics = InvocationMetrics()
        self._teller = MetricsReporter(self._metrics)
        self._guard = guard_of(begin.settings, StateDir(begin.settings.state_dir))
        # The control process has a proxy of its own.
        self._loads = LoadReporter(begin.settings.workers + 1)
        self._loops = Loops()
        self._waking: dict[FunctionKey, asyncio.Future[str]] = {}

    async def run(self, told: AsyncIterator[ToWorker]) -> None:
        """Serve, then finish the calls that run."""
        for route in self._begin.routes:
            self._apply(route)
        for address, seconds in self._begin.waits.items():
            self._guard.failures.block(address, seconds)
        self._guard.failures.subscribe(lambda address: self._tell(Failed(address)))
        proxy = await self._open()
        self._loops.start("counters", self._tell_forever)
        self._loops.start("loads", lambda: self._share_loads(proxy))
        self._tell(Serving())
        listening = asyncio.create_task(self._listen(told))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listening.cancel)
        await asyncio.wait([listening])
        await proxy.stop(_GRACE_ALONE if listening.cancelled() else listening.result())
        await self._loops.stop()
        self._tell_counts()
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def _open(self) -> Proxy:
        settings = self._begin.settings
        control = Endpoint("control", unix=self._begin.control)
        proxy = Proxy(self._routes, control, proxy_settings(settings), self._metrics, self._wake, self._guard)
        certificate = certificate_of(settings)
        if certificate is not None:
            self._loops.start("certificate", certificate.follow)
        sockets = [socket.socket(fileno=number) for number in self._begin.sockets]
        await proxy.start(sockets, tls=None if certificate is None else certificate.context)
        return proxy

    async def _listen(self, told: AsyncIterator[ToWorker]) -> float:
        """Do what we are told; returns how long running calls may take when that is over."""
        async for message in told:
            match message:
                case Changed():
                    self._apply(message.route)
                    self._tell(Acknowledged(message.number))
                case Removed():
                    self._routes.apply(message.route)
                    # A function of the same name begins without a canary.
                    self._routes.set_canary(message.route.key, None)
                    self._tell(Acknowledged(message.number))
                case Woken():
                    waiting = self._waking.pop(message.key, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message.problem)
                case Blocked():
                    self._guard.failures.block(message.address, message.seconds)
                case InFlight():
                    self._loads.take_over(message.replicas)
                case Stop():
                    return message.grace
                case Begin():
                    raise AssertionError("begun already")
        # Our replicas may be gone with it, yet what still runs may finish.
        return _GRACE_ALONE

    def _apply(self, route: RouteUpdate) -> None:
        present = self._routes.lookup(route.key)
        if route.canary != (None if present is None else present.canary):
            self._routes.set_canary(route.key, route.canary)
        self._routes.apply(route)

    async def _wake(self, key: FunctionKey) -> None:
        waiting = self._waking[key] = asyncio.get_running_loop().create_future()
        self._tell(Wake(key))
        problem = await waiting
        if problem:
            raise RuntimeFault(problem)

    async def _tell_forever(self) -> None:
        while True:
            await asyncio.sleep(METRICS_INTERVAL)
            self._tell_counts()

    async def _share_loads(self, proxy: Proxy) -> None:
        while True:
            await asyncio.sleep(LOAD_INTERVAL)
            changed = self._loads.look(proxy.alternatives())
            if changed:
                self._tell(InFlight(changed))

    def _tell_counts(self) -> None:
        counts = self._teller.gained()
        if counts is not None:
            self._tell(counts)

    def _tell(self, message: FromWorker) -> None:
        send(self._writer, message)


async def work(channel: socket.socket) -> None:
    """Be a worker of the control process at the other end of the channel."""
    # Ctrl-C reaches every process of a terminal; what becomes of us is for the control process to say.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    reader, writer = await asyncio.open_unix_connection(sock=channel)
    told = read_to_worker(reader)
    begin = await anext(told, None)
    if isinstance(begin, Begin):
        await Worker(begin, writer).run(told)
    writer.close()
