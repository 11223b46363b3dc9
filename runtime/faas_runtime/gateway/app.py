"""One gateway: proxy, provider and everything behind them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Sequence

from faas_runtime.core.configuration import Configuration
from faas_runtime.gateway.auth.function_auth import guard_of
from faas_runtime.gateway.background import Loops
from faas_runtime.gateway.control.plane import BackOffice
from faas_runtime.gateway.control.status_cache import Catalogue
from faas_runtime.gateway.listeners.bind import Listeners
from faas_runtime.gateway.listeners.handover import Predecessor, Successor
from faas_runtime.gateway.listeners.restart import RestartServer
from faas_runtime.gateway.listeners.sd_notify import notify
from faas_runtime.gateway.listeners.tls import certificate_of
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, proxy_settings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.limits import limits_of
from faas_runtime.gateway.state import Running, StateDir
from faas_runtime.gateway.workers.pool import WorkerPool
from faas_runtime.providers.base import Endpoint, FunctionKey, Provider
from faas_runtime.providers.common.logs import now_rfc3339

log = logging.getLogger("faas.gateway")

RECOVERY_TIMEOUT = 15.0
"""Seconds that functions may take to come back before this gateway takes over from the one that still serves them."""


class Gateway:
    """Everything that lives as long as the gateway. The state directory is held by the caller.

    `arguments` are those this process was started with; the next one gets them, too.
    """

    def __init__(
        self,
        configuration: Configuration,
        state: StateDir,
        provider: Provider,
        arguments: Sequence[str] = (),
        predecessor: Predecessor | None = None,
    ) -> None:
        """Raises Invalid for a certificate or an account that cannot be used."""
        self._configuration = configuration
        self._settings = settings = configuration.settings()
        self._state = state
        self._provider = provider
        self._arguments = arguments
        self._predecessor = predecessor
        self._certificate = certificate_of(settings)
        self._guard = guard_of(settings, state)
        self._routes = RoutingTable()
        self._metrics = InvocationMetrics()
        self._catalogue = Catalogue(provider, self._routes)
        self._workers: WorkerPool | None = None
        if settings.workers > 1:
            self._workers = WorkerPool(settings, self._routes, self._metrics, self._guard.failures, self._wake)
        self._loops = Loops()
        self._office: BackOffice | None = None
        self._listeners: Listeners
        self._grace = settings.stop_timeout
        self._closing = contextlib.AsyncExitStack()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set or the next gateway serves, then drain.

        Raises PortInUse, OSError before anything was started.
        """
        async with self._closing:
            await self._start(stop)
            await stop.wait()
            log.info("stopping")
        log.info("stopped")

    async def _start(self, stop: asyncio.Event) -> None:
        # The addresses come first: a port in use must not cost the start of every function.
        listeners = self._listeners = Listeners(
            self._settings, self._predecessor.sockets if self._predecessor is not None else {}
        )
        self._closing.callback(listeners.close)
        await self._start_provider()
        self._closing.push_async_callback(self._close_office)
        await self._open_office()
        if self._predecessor is not None:
            await self._catalogue.until_ready(RECOVERY_TIMEOUT)
        await self._open_proxy()
        # Last to start and first to stop: it calls functions through the proxy.
        self._closing.push_async_callback(self._end_calls)
        await self._begin_calls()
        desk = RestartServer(self._hand_over, stop.set)
        self._closing.push_async_callback(desk.close)
        await desk.open(listeners.restart.socket)
        self._announce()
        notify("READY=1")
        if self._predecessor is not None:
            self._predecessor.serving()
            listeners.share(False)

    async def _start_provider(self) -> None:
        self._closing.push_async_callback(self._provider.close)
        await self._provider.start()
        self._closing.push_async_callback(self._loops.stop)
        self._loops.start("routing", self._follow_routes)
        if self._certificate is not None and self._workers is None:
            self._loops.start("certificate", self._certificate.follow)
        await self._catalogue.update()
        await self._catalogue.until_routed()

    def _states(self) -> dict[str, str]:
        workers = {} if self._workers is None else {"workers": self._workers.problem()}
        return {**self._loops.states(), **workers}

    # The back office comes and goes: when a handover fails, this gateway opens another one.

    async def _open_office(self) -> None:
        office = BackOffice(
            self._settings,
            self._state,
            self._provider,
            self._routes,
            self._metrics,
            self._catalogue,
            self._guard,
            self._settled,
        )
        self._office = office
        await office.open(self._listeners, self._states)

    async def _begin_calls(self) -> None:
        if self._office is not None:
            await self._office.begin_calls(self._listeners)

    async def _end_calls(self) -> None:
        if self._office is not None:
            await self._office.end_calls()

    async def _close_office(self) -> None:
        office, self._office = self._office, None
        if office is not None:
            await office.close()

    async def _hand_over(self, more: Sequence[str]) -> int:
        """Start the next gateway, and let go of everything once it serves. Raises HandoverFailed."""
        log.info("handing over to a new gateway")
        successor = Successor([*self._arguments, *more], self._listeners.by_name(), self._state.lock)
        try:
            await successor.until_ready()
            await self._end_calls()
            await self._close_office()
            await successor.go()
        except BaseException:
            await successor.end()
            await self._go_on()
            raise
        log.info("process %d serves from now on", successor.pid)
        notify(f"MAINPID={successor.pid}")
        self._listeners.share(True)
        self._state.leave()
        # Nobody waits for this process any more, so calls may take as long as they are allowed to.
        self._grace = max(self._settings.stop_timeout, self._settings.upstream_timeout)
        return successor.pid

    async def _go_on(self) -> None:
        """The next gateway has not come up."""
        if self._office is None:
            self._state.reclaim()
            await self._open_office()
            await self._begin_calls()
            self._announce()

    # The proxy: in this process for everybody, or for our own calls only.

    async def _open_proxy(self) -> None:
        listeners, control = self._listeners, str(self._listeners.control.path)
        clients: list[socket.socket] = []
        if self._workers is None:
            clients = [*listeners.fronts, *listeners.shared]
        else:
            self._closing.push_async_callback(self._stop_workers, self._workers)
            await self._workers.start(control, listeners.fronts, listeners.shared)
        endpoint = Endpoint("control", unix=control)
        proxy = Proxy(self._routes, endpoint, proxy_settings(self._settings), self._metrics, self._wake, self._guard)
        self._closing.push_async_callback(self._stop_proxy, proxy)
        tls = None if self._certificate is None else self._certificate.context
        await proxy.start(clients, tls=tls, internal=[listeners.internal.socket])
        if self._workers is not None:
            workers = self._workers
            self._loops.start("loads", lambda: workers.share_loads(proxy))

    async def _stop_proxy(self, proxy: Proxy) -> None:
        await proxy.stop(self._grace)

    async def _stop_workers(self, workers: WorkerPool) -> None:
        # Ours would keep the port open, and nobody would ever accept what comes.
        self._listeners.stop_accepting()
        await workers.stop(self._grace)

    async def _wake(self, key: FunctionKey) -> None:
        status = self._catalogue.get(key)
        await self._provider.scale(key, limits_of(status.labels if status else None).minimum)

    async def _follow_routes(self) -> None:
        async for change in self._provider.watch():
            self._routes.apply(change)
            # The provider ends replicas once this change has been dealt with, by every worker.
            await self._settled()

    async def _settled(self) -> None:
        if self._workers is not None:
            await self._workers.acknowledged()

    def _announce(self) -> None:
        metrics = self._listeners.metrics
        metrics_url = f"http://127.0.0.1:{metrics.getsockname()[1]}/metrics" if metrics is not None else ""
        scheme = "http" if self._certificate is None else "https"
        url = f"{scheme}://{self._listeners.address}"
        log.info("listening on %s%s", url, f", metrics on {metrics_url}" if metrics_url else "")
        self._state.announce(
            Running(
                pid=os.getpid(),
                url=url,
                metrics_url=metrics_url,
                auth=self._settings.auth,
                engine="remote" if self._settings.provider_url else self._settings.engine,
                started_at=now_rfc3339(),
                restart=str(self._listeners.restart.path),
                settings=self._configuration.report(),
            )
        )


async def serve(gateway: Gateway) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises PortInUse, RuntimeFault, OSError."""
    await gateway.run(stop_on_signals())


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
