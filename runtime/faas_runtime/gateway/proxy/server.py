"""Starting and stopping the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import ssl
from collections.abc import Sequence

from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.connection import ClientConnection
from faas_runtime.gateway.proxy.context import ProxyContext
from faas_runtime.gateway.proxy.pool import EndpointPool
from faas_runtime.gateway.proxy.readiness import Wake
from faas_runtime.gateway.proxy.resources import allow_descriptors, keep_read_buffers
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.settings import GatewaySettings
from faas_runtime.providers.base import Endpoint, RoutingChange


def proxy_settings(gateway: GatewaySettings) -> ProxySettings:
    """The settings of one of a gateway's proxies, which is given its listening sockets.

    Every field that both classes have is copied; workers share `max_connections` equally.
    """
    names = {field.name for field in dataclasses.fields(ProxySettings)}
    names &= {field.name for field in dataclasses.fields(GatewaySettings)} - {"host", "port"}
    settings = ProxySettings(host="", **{name: getattr(gateway, name) for name in names})
    return dataclasses.replace(settings, max_connections=-(-settings.max_connections // gateway.workers))


class Proxy:
    """Listens for clients and streams their calls to replicas and to the control API.

    `routes` is only read. Whatever is not a function call goes to `control`. `wake` is
    called once for any number of calls that wait for a function scaled to zero; a
    `RuntimeFault` it raises is told to those callers. `guard` knows who may call functions
    that not everybody may call; without it nobody may.
    """

    def __init__(
        self,
        routes: RoutingTable,
        control: Endpoint,
        settings: ProxySettings,
        metrics: InvocationMetrics,
        wake: Wake | None = None,
        guard: CallGuard | None = None,
    ) -> None:
        self._routes = routes
        self._control = control
        self._settings = settings
        self._metrics = metrics
        self._wake = wake
        self._guard = guard
        self._context: ProxyContext | None = None
        self._servers: list[asyncio.Server] = []
        self._tls = False
        routes.subscribe(self._changed)

    async def start(
        self,
        sockets: Sequence[socket.socket] = (),
        tls: ssl.SSLContext | None = None,
        inside: Sequence[socket.socket] = (),
    ) -> None:
        """Listen, and return once connections are accepted. Raises OSError (port in use).

        `sockets` that already listen are used instead of the settings' address; those `inside`
        are for the gateway's own calls, which may go to internal functions, too.
        """
        keep_read_buffers()
        allow_descriptors(self._settings.max_connections)
        loop = asyncio.get_running_loop()
        context = ProxyContext(
            loop, self._routes, self._control, self._settings, self._metrics, self._wake, self._guard
        )
        self._context = context
        self._tls = tls is not None

        def accepted() -> asyncio.Protocol:
            return ClientConnection(context).protocol()

        def accepted_inside() -> asyncio.Protocol:
            return ClientConnection(context, inside=True).protocol()

        settings = self._settings
        try:
            for sock in sockets:
                secure = tls if sock.family != socket.AF_UNIX else None
                self._servers.append(
                    await loop.create_server(accepted, sock=sock, ssl=secure, backlog=settings.backlog)
                )
            for sock in inside:
                self._servers.append(await loop.create_server(accepted_inside, sock=sock, backlog=settings.backlog))
            if not sockets and settings.host:
                self._servers.append(
                    await loop.create_server(accepted, settings.host, settings.port, ssl=tls, backlog=settings.backlog)
                )
            if not sockets and settings.unix_path is not None:
                self._servers.append(
                    await loop.create_unix_server(accepted, str(settings.unix_path), backlog=settings.backlog)
                )
        except OSError:
            await self.stop(0)
            raise

    def addresses(self) -> list[str]:
        """Where it listens: `http://127.0.0.1:8080`, `https://...`, `unix:/run/faas.sock`."""
        found = []
        for server in self._servers:
            for sock in server.sockets:
                name = sock.getsockname()
                if isinstance(name, tuple):
                    host = f"[{name[0]}]" if ":" in name[0] else name[0]
                    found.append(f"{'https' if self._tls else 'http'}://{host}:{name[1]}")
                else:
                    found.append(f"unix:{name}")
        return found

    def alternatives(self) -> list[EndpointPool]:
        """The replicas among which there is a choice."""
        return [] if self._context is None else self._context.router.alternatives()

    async def stop(self, grace: float) -> None:
        """Accept nothing more, let running calls finish for `grace` seconds, cut off what is left."""
        context, self._context = self._context, None
        self._stop_accepting()
        if context is None:
            return
        self._ask_to_finish(context)
        await self._wait_until_finished(context, grace)
        self._cut_off(context)
        await context.close()

    def _stop_accepting(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._settings.unix_path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._settings.unix_path.unlink()

    def _ask_to_finish(self, context: ProxyContext) -> None:
        context.draining = True
        for connection in list(context.connections):
            connection.drain()

    async def _wait_until_finished(self, context: ProxyContext, grace: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await context.all_closed()

    def _cut_off(self, context: ProxyContext) -> None:
        for connection in list(context.connections):
            connection.transport.abort()

    def _changed(self, change: RoutingChange) -> None:
        if self._context is not None:
            self._context.router.apply(change)
