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
    BlockAddress,
    FromWorker,
    Loads,
    LoginFailed,
    RemoveRoute,
    Serving,
    Start,
    Stop,
    ToWorker,
    UpdateRoute,
    WakeRequest,
    WakeResult,
    read_to_worker,
    send,
)
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate

METRICS_INTERVAL = 0.1
"""Seconds between two reports of the counters."""
_ORPHANED_GRACE_TIMEOUT = 10.0


class Worker:
    """Serves until the control process sends `Stop`, or ends."""

    def __init__(self, start: Start, writer: asyncio.StreamWriter) -> None:
        self._start = start
        self._writer = writer
        self._routes = RoutingTable()
        self._metrics = InvocationMetrics()
        self._reporter = MetricsReporter(self._metrics)
        self._guard = guard_of(start.settings, StateDir(start.settings.state_dir))
        # The control process has a proxy, too.
        self._loads = LoadReporter(start.settings.workers + 1)
        self._loops = Loops()
        self._waking: dict[FunctionKey, asyncio.Future[str]] = {}

    async def run(self, messages: AsyncIterator[ToWorker]) -> None:
        """Serve, then finish the running calls."""
        for route in self._start.routes:
            self._apply(route)
        for address, seconds in self._start.blocked.items():
            self._guard.failures.block(address, seconds)
        self._guard.failures.subscribe(lambda address: self._send(LoginFailed(address)))
        proxy = await self._start_proxy()
        self._loops.start("counters", self._report_metrics_forever)
        self._loops.start("loads", lambda: self._share_loads(proxy))
        self._send(Serving())
        listening = asyncio.create_task(self._listen(messages))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listening.cancel)
        await asyncio.wait([listening])
        await proxy.stop(_ORPHANED_GRACE_TIMEOUT if listening.cancelled() else listening.result())
        await self._loops.stop()
        self._report_metrics()
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def _start_proxy(self) -> Proxy:
        settings = self._start.settings
        control = Endpoint("control", unix=self._start.control)
        proxy = Proxy(self._routes, control, proxy_settings(settings), self._metrics, self._wake, self._guard)
        certificate = certificate_of(settings)
        if certificate is not None:
            self._loops.start("certificate", certificate.follow)
        sockets = [socket.socket(fileno=number) for number in self._start.sockets]
        await proxy.start(sockets, tls=None if certificate is None else certificate.context)
        return proxy

    async def _listen(self, messages: AsyncIterator[ToWorker]) -> float:
        """Handle every message; returns how long running calls may take once the worker is to stop."""
        async for message in messages:
            match message:
                case UpdateRoute():
                    self._apply(message.route)
                    self._send(Acknowledged(message.number))
                case RemoveRoute():
                    self._routes.apply(message.route)
                    # A later function of the same name starts without a canary.
                    self._routes.set_canary(message.route.key, None)
                    self._send(Acknowledged(message.number))
                case WakeResult():
                    waiting = self._waking.pop(message.key, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message.problem)
                case BlockAddress():
                    self._guard.failures.block(message.address, message.seconds)
                case Loads():
                    self._loads.apply(message.replicas)
                case Stop():
                    return message.grace
                case Start():
                    raise AssertionError("started already")
        # The control process has ended, perhaps with the replicas, yet running calls may finish.
        return _ORPHANED_GRACE_TIMEOUT

    def _apply(self, route: RouteUpdate) -> None:
        current = self._routes.lookup(route.key)
        if route.canary != (None if current is None else current.canary):
            self._routes.set_canary(route.key, route.canary)
        self._routes.apply(route)

    async def _wake(self, key: FunctionKey) -> None:
        waiting = self._waking[key] = asyncio.get_running_loop().create_future()
        self._send(WakeRequest(key))
        problem = await waiting
        if problem:
            raise RuntimeFault(problem)

    async def _report_metrics_forever(self) -> None:
        while True:
            await asyncio.sleep(METRICS_INTERVAL)
            self._report_metrics()

    async def _share_loads(self, proxy: Proxy) -> None:
        while True:
            await asyncio.sleep(LOAD_INTERVAL)
            changed = self._loads.sample(proxy.alternatives())
            if changed:
                self._send(Loads(changed))

    def _report_metrics(self) -> None:
        delta = self._reporter.delta()
        if delta is not None:
            self._send(delta)

    def _send(self, message: FromWorker) -> None:
        send(self._writer, message)


async def work(channel: socket.socket) -> None:
    """Be a worker of the control process at the other end of the channel."""
    # Ctrl-C reaches every process of a terminal; the control process decides when its workers stop.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    reader, writer = await asyncio.open_unix_connection(sock=channel)
    messages = read_to_worker(reader)
    start = await anext(messages, None)
    if isinstance(start, Start):
        await Worker(start, writer).run(messages)
    writer.close()
