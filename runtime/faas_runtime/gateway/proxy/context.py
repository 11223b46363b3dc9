"""What every connection of one proxy shares."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING

from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.access_log import AccessLog
from faas_runtime.gateway.proxy.deadlines import DeadlineQueue
from faas_runtime.gateway.proxy.identity import Ids
from faas_runtime.gateway.proxy.pool import Connector
from faas_runtime.gateway.proxy.readiness import Readiness, Wake
from faas_runtime.gateway.proxy.router import Router
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.proxy.tracing import spans_of_environment
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.connection import ClientConnection
    from faas_runtime.gateway.proxy.cycle import RequestCycle
    from faas_runtime.gateway.proxy.tunnel import Tunnel


class Timeouts:
    """One queue for each named timeout; calls have one for each different length."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ProxySettings) -> None:
        self._loop = loop
        self.idle: DeadlineQueue[ClientConnection] = DeadlineQueue(
            loop, settings.idle_timeout, lambda connection: connection.idle_expired()
        )
        self.head: DeadlineQueue[ClientConnection] = DeadlineQueue(
            loop, settings.head_timeout, lambda connection: connection.head_expired()
        )
        self.write: DeadlineQueue[ClientConnection] = DeadlineQueue(
            loop, settings.write_timeout, lambda connection: connection.write_expired()
        )
        self.linger: DeadlineQueue[ClientConnection] = DeadlineQueue(
            loop, settings.linger_timeout, lambda connection: connection.linger_expired()
        )
        self.drain: DeadlineQueue[ClientConnection] = DeadlineQueue(
            loop, settings.drain_timeout, lambda connection: connection.drain_expired()
        )
        self.read: DeadlineQueue[RequestCycle] = DeadlineQueue(
            loop, settings.read_timeout, lambda cycle: cycle.read_expired()
        )
        self.tunnel: DeadlineQueue[Tunnel] = DeadlineQueue(
            loop, settings.tunnel_idle_timeout, lambda tunnel: tunnel.expired()
        )
        self._calls: dict[float, DeadlineQueue[RequestCycle]] = {}

    def calls(self, seconds: float) -> DeadlineQueue[RequestCycle]:
        """The queue of calls that may take so long."""
        queue = self._calls.get(seconds)
        if queue is None:
            queue = DeadlineQueue(self._loop, seconds, lambda cycle: cycle.call_expired())
            self._calls[seconds] = queue
        return queue

    def close(self) -> None:
        """Stop every timer."""
        for queue in (self.idle, self.head, self.write, self.linger, self.drain, self.read, self.tunnel):
            queue.close()
        for calls in self._calls.values():
            calls.close()


class ProxyContext:
    """Shared by all connections; made by `Proxy.start`, dropped by `Proxy.stop`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        routes: RoutingTable,
        control: Endpoint,
        settings: ProxySettings,
        metrics: InvocationMetrics,
        wake: Wake | None,
        guard: CallGuard | None = None,
    ) -> None:
        self.loop = loop
        self.settings = settings
        self.routes = routes
        self.guard = guard
        self.connector = Connector(loop, settings)
        self.router = Router(routes, control, settings, metrics, self.connector)
        self.readiness = Readiness(routes, wake, settings.ready_timeout)
        self.timeouts = Timeouts(loop, settings)
        self.ids = Ids()
        self.spans = spans_of_environment(self.ids)
        self.access_log = None if settings.access_log == "off" else AccessLog(loop, settings)
        self.connections: set[ClientConnection] = set()
        self.draining = False
        self._closed: asyncio.Event | None = None
        self.served_by = b"X-Served-By: " + settings.served_by.encode()
        self._trusted = tuple(ipaddress.ip_network(network) for network in settings.trusted_proxies)

    def trusts(self, host: str) -> bool:
        """Whether a peer's own `X-Forwarded-*` headers are believed."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._trusted)

    def left(self, connection: ClientConnection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        if not self.connections and self._closed is not None:
            self._closed.set()

    async def all_closed(self) -> None:
        """Return once no client connection is open."""
        if self.connections:
            self._closed = asyncio.Event()
            await self._closed.wait()

    async def close(self) -> None:
        """Stop timers and wake-ups, close idle connections to replicas, write the rest of the log."""
        self.readiness.close()
        self.router.close()
        self.timeouts.close()
        self.connector.idle.close()
        if self.access_log is not None:
            await self.access_log.close()
        if self.spans is not None:
            await self.spans.close()
