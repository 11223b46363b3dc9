"""Starts and stops the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import resource
import socket
import ssl
from collections.abc import Sequence

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.connection import ClientConnection
from faas_runtime.gateway.proxy.context import ProxyContext
from faas_runtime.gateway.proxy.pool import EndpointPool
from faas_runtime.gateway.proxy.replica_finder import Wake
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, RoutingChange

# Options of glibc's mallopt, from malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 1024 * 1024
_TRIM_THRESHOLD_BYTES = 16 * 1024 * 1024

_OTHER_DESCRIPTORS = 1000


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

    `routes` is only read. Every request that is not a function call goes to `control`. `wake` is
    called once for any number of calls that wait for a function scaled to zero; the text of a
    `RuntimeFault` it raises is sent to those callers. `guard` checks the credentials of calls to
    functions with restricted access; without it they are all refused.
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
        internal: Sequence[socket.socket] = (),
        control: Sequence[socket.socket] = (),
    ) -> None:
        """Listen, and return once connections are accepted. Raises OSError (port in use).

        `sockets` that already listen are used instead of the settings' address; the `internal` ones
        are for the gateway's own calls, which may also go to internal functions. With a `control_port`, TCP `sockets`
        lead to functions only, and the `control` ones to everything.
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

        def accepted_for_functions() -> asyncio.Protocol:
            return ClientConnection(context, functions_only=True).protocol()

        def accepted_internally() -> asyncio.Protocol:
            return ClientConnection(context, internal=True).protocol()

        settings = self._settings
        try:
            for sock in sockets:
                local = sock.family == socket.AF_UNIX
                made = accepted_for_functions if settings.control_port and not local else accepted
                secure = None if local else tls
                self._servers.append(await loop.create_server(made, sock=sock, ssl=secure, backlog=settings.backlog))
            for sock in control:
                self._servers.append(await loop.create_server(accepted, sock=sock, ssl=tls, backlog=settings.backlog))
            for sock in internal:
                self._servers.append(await loop.create_server(accepted_internally, sock=sock, backlog=settings.backlog))
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
        """The addresses it listens on: `http://127.0.0.1:8080`, `https://...`, `unix:/run/faas.sock`."""
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
        """The replicas of every function that has several."""
        return [] if self._context is None else self._context.router.alternatives()

    async def stop(self, grace: float) -> None:
        """Accept no more connections, let running calls finish for `grace` seconds, then cut the rest."""
        context, self._context = self._context, None
        self._stop_accepting()
        if context is None:
            return
        self._drain(context)
        await self._wait_for_calls(context, grace)
        self._cut_off(context)
        await context.close()

    def _stop_accepting(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._settings.unix_path is not None:
            with contextlib.suppress(FileNotFoundError):
                self._settings.unix_path.unlink()

    def _drain(self, context: ProxyContext) -> None:
        context.draining = True
        for connection in list(context.connections):
            connection.drain()

    async def _wait_for_calls(self, context: ProxyContext, grace: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await context.all_closed()

    def _cut_off(self, context: ProxyContext) -> None:
        for connection in list(context.connections):
            connection.abort()

    def _changed(self, change: RoutingChange) -> None:
        if self._context is not None:
            self._context.router.apply(change)


def keep_read_buffers() -> None:
    """Have this process keep up to 16 MiB of freed memory for its next reads.

    A read of a large body takes a block of 256 KiB. By default glibc maps and unmaps such a block each
    time, and the kernel clears its pages: a third of the time that a large body takes. Where the C
    library has no such setting, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)


def allow_descriptors(connections: int) -> None:
    """Raise this process's soft limit of open files to what so many clients and their calls need, where allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    desired = 2 * connections + _OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        desired = min(desired, hard)
    if soft == resource.RLIM_INFINITY or soft >= desired:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (desired, hard))
