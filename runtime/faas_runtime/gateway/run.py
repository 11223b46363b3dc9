"""Starting and stopping a gateway, or a standalone provider; handing a gateway over to its successor.

Everything is started in one order and stopped in the reverse one:

    listeners, provider, control plane, proxy (and workers), queued calls, restart requests
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Sequence

from faas_runtime.core.files import write_file
from faas_runtime.gateway.app import GatewayApp, ProviderApp
from faas_runtime.gateway.auth.accounts import USER_FILE
from faas_runtime.gateway.control.asgi import AsgiServer
from faas_runtime.gateway.control.plane import ControlPlane
from faas_runtime.gateway.listeners.bind import Listeners, PrivateSocket, listen
from faas_runtime.gateway.listeners.handover import Predecessor, Successor
from faas_runtime.gateway.listeners.restart import RestartServer
from faas_runtime.gateway.listeners.sd_notify import notify
from faas_runtime.gateway.proxy import Proxy
from faas_runtime.gateway.state import USER, Running
from faas_runtime.gateway.workers.pool import WorkerPool
from faas_runtime.providers.common.logs import now_rfc3339

log = logging.getLogger("faas.gateway")

RECOVERY_TIMEOUT = 15.0
"""Seconds that a successor waits for its functions before it takes over from the gateway that still serves them."""


class GatewayServer:
    """Runs a gateway. `arguments` are those of this process; its successor gets them, too."""

    def __init__(self, app: GatewayApp, arguments: Sequence[str] = (), predecessor: Predecessor | None = None) -> None:
        self._app = app
        self._arguments = arguments
        self._predecessor = predecessor
        self._control_plane: ControlPlane | None = None
        self._listeners: Listeners
        self._stop_timeout = app.settings.stop_timeout
        self._closing = contextlib.AsyncExitStack()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set or the successor serves, then drain.

        Raises PortInUse, RuntimeFault, OSError when it cannot start.
        """
        async with self._closing:
            await self._start(stop)
            await stop.wait()
            log.info("stopping")
        log.info("stopped")

    async def _start(self, stop: asyncio.Event) -> None:
        # Listeners come first: a port in use must not cost the start of every function.
        inherited = self._predecessor.sockets if self._predecessor is not None else {}
        listeners = self._listeners = Listeners(self._app.settings, inherited)
        self._closing.callback(listeners.close)
        await self._start_provider()
        self._closing.push_async_callback(self._close_control_plane)
        await self._open_control_plane()
        if self._predecessor is not None:
            await self._app.statuses.until_ready(RECOVERY_TIMEOUT)
        await self._start_proxy()
        # Last to start and first to stop: queued calls go through the proxy.
        self._closing.push_async_callback(self._end_calls)
        await self._begin_calls()
        restarts = RestartServer(self._hand_over, stop.set)
        self._closing.push_async_callback(restarts.close)
        await restarts.open(listeners.restart.socket)
        self._announce()
        notify("READY=1")
        if self._predecessor is not None:
            self._predecessor.serving()
            listeners.share(False)

    async def _start_provider(self) -> None:
        app = self._app
        self._closing.push_async_callback(app.provider.close)
        await app.provider.start()
        self._closing.push_async_callback(app.loops.stop)
        app.loops.start("routing", app.follow_routes)
        if app.certificate is not None and app.workers is None:
            app.loops.start("certificate", app.certificate.follow)
        await app.statuses.update()
        await app.statuses.until_routed()

    # A failed handover closes the control plane and opens another one.

    async def _open_control_plane(self) -> None:
        self._control_plane = self._app.new_control_plane()
        await self._control_plane.open(self._listeners, self._app.states)

    async def _begin_calls(self) -> None:
        if self._control_plane is not None:
            await self._control_plane.begin_calls(self._listeners)

    async def _end_calls(self) -> None:
        if self._control_plane is not None:
            await self._control_plane.end_calls()

    async def _close_control_plane(self) -> None:
        control_plane, self._control_plane = self._control_plane, None
        if control_plane is not None:
            await control_plane.close()

    # With workers, the proxy of this process serves the gateway's own calls only.

    async def _start_proxy(self) -> None:
        app, listeners, control = self._app, self._listeners, str(self._listeners.control.path)
        clients: list[socket.socket] = []
        if app.workers is None:
            clients = [*listeners.fronts, *listeners.shared]
        else:
            self._closing.push_async_callback(self._stop_workers, app.workers)
            await app.workers.start(control, listeners.fronts, listeners.shared)
        proxy = app.new_proxy(control)
        self._closing.push_async_callback(self._stop_proxy, proxy)
        tls = None if app.certificate is None else app.certificate.context
        own = [] if listeners.own_control is None else [listeners.own_control]
        await proxy.start(clients, tls=tls, internal=[listeners.internal.socket], control=own)
        if app.workers is not None:
            workers = app.workers
            app.loops.start("loads", lambda: workers.share_loads(proxy))

    async def _stop_proxy(self, proxy: Proxy) -> None:
        await proxy.stop(self._stop_timeout)

    async def _stop_workers(self, workers: WorkerPool) -> None:
        # An open socket of this process would keep accepting connections that nobody serves.
        self._listeners.stop_accepting()
        await workers.stop(self._stop_timeout)

    async def _hand_over(self, more: Sequence[str]) -> int:
        """Start the successor with `more` arguments, and release everything once it serves. Raises HandoverFailed."""
        log.info("handing over to a new gateway")
        successor = Successor([*self._arguments, *more], self._listeners.by_name(), self._app.state.lock)
        try:
            await successor.until_ready()
            await self._end_calls()
            await self._close_control_plane()
            await successor.go()
        except BaseException:
            await successor.end()
            await self._resume()
            raise
        log.info("process %d serves from now on", successor.pid)
        notify(f"MAINPID={successor.pid}")
        self._listeners.share(True)
        self._app.state.leave()
        # Nobody waits for this process to end, so running calls get their whole time.
        self._stop_timeout = max(self._app.settings.stop_timeout, self._app.settings.upstream_timeout)
        return successor.pid

    async def _resume(self) -> None:
        """Continue as before: the successor did not come up."""
        if self._control_plane is None:
            self._app.state.reclaim()
            await self._open_control_plane()
            await self._begin_calls()
            self._announce()

    def _announce(self) -> None:
        settings, metrics = self._app.settings, self._listeners.metrics
        metrics_url = f"http://127.0.0.1:{metrics.getsockname()[1]}/metrics" if metrics is not None else ""
        scheme = "http" if self._app.certificate is None else "https"
        url = f"{scheme}://{self._listeners.address}"
        log.info("listening on %s%s", url, f", metrics on {metrics_url}" if metrics_url else "")
        self._app.state.announce(
            Running(
                pid=os.getpid(),
                url=url,
                metrics_url=metrics_url,
                auth=settings.auth,
                engine="remote" if settings.provider_url else settings.engine,
                started_at=now_rfc3339(),
                restart=str(self._listeners.restart.path),
                settings=self._app.configuration.report(),
            )
        )


class ProviderServer:
    """Runs a standalone provider."""

    def __init__(self, app: ProviderApp) -> None:
        self._app = app

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises PortInUse, RuntimeFault, OSError when it cannot start."""
        async with contextlib.AsyncExitStack() as closing:
            await self._start(closing)
            await stop.wait()
            log.info("stopping")
        log.info("stopped")

    async def _start(self, closing: contextlib.AsyncExitStack) -> None:
        app, settings = self._app, self._app.settings
        front = listen(settings.host, settings.port, "--port")
        closing.callback(front.close)
        control = PrivateSocket(settings.state_dir, "control.sock")
        closing.callback(control.close)
        closing.push_async_callback(app.provider.close)
        await app.provider.start()
        closing.push_async_callback(app.loops.stop)
        app.loops.start("routing", app.follow_routes)
        # The first call to a deployed function must find it.
        await app.statuses.refresh()
        await app.statuses.until_routed()
        server = AsgiServer(app.new_api(), control.socket)
        closing.push_async_callback(server.stop)
        server.start()
        proxy = app.new_proxy(str(control.path))
        closing.push_async_callback(proxy.stop, settings.stop_timeout)
        await proxy.start([front])
        self._announce(proxy.addresses()[0])

    def _announce(self, url: str) -> None:
        settings = self._app.settings
        log.info("listening on %s", url)
        if settings.auth and settings.secrets_dir is None:
            # With the user beside the password, a gateway can use this folder as its `--provider-secrets-dir`.
            write_file(settings.state_dir / USER_FILE, f"{USER}\n", mode=0o600)
        self._app.state.announce(
            Running(
                pid=os.getpid(),
                url=url,
                auth=settings.auth,
                engine=settings.engine,
                started_at=now_rfc3339(),
                settings=self._app.configuration.report(),
            )
        )


async def serve(server: GatewayServer | ProviderServer) -> None:
    """Run a server until SIGTERM or SIGINT. Raises PortInUse, RuntimeFault, OSError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.run(stop)
