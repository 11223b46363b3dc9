"""What every connection of one proxy shares."""

from __future__ import annotations

import asyncio

from faas_runtime.core.addresses import trusted_by
from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy.access_log import AccessLog
from faas_runtime.gateway.proxy.call import Ids
from faas_runtime.gateway.proxy.deadlines import Timeouts
from faas_runtime.gateway.proxy.interfaces import ClientSide
from faas_runtime.gateway.proxy.pool import Connector
from faas_runtime.gateway.proxy.recorder import Recorder
from faas_runtime.gateway.proxy.replica_finder import ReplicaFinder, Wake
from faas_runtime.gateway.proxy.router import Router
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.proxy.tracing import spans_of_environment
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint

_SANDBOX = b"Content-Security-Policy: sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
"""Without `allow-same-origin`: a function's page cannot use the control API with what the browser knows."""


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
        self.guard = guard
        self.connector = Connector(loop, settings)
        self.router = Router(routes, control, settings, metrics, self.connector)
        self.finder = ReplicaFinder(routes, wake, settings)
        self.timeouts = Timeouts(loop, settings)
        self.ids = Ids()
        log = None if settings.access_log == "off" else AccessLog(loop, settings)
        self.recorder = Recorder(log, spans_of_environment(self.ids))
        self.connections: set[ClientSide] = set()
        self.draining = False
        self._closed: asyncio.Event | None = None
        self.served_by = b"X-Served-By: " + settings.served_by.encode()
        self.sandboxed_by = self.served_by + (b"\r\n" + _SANDBOX if settings.sandbox_pages else b"")
        """`served_by` where functions have the address of the control API."""
        self.trusts = trusted_by(settings.trusted_proxies)
        """Whether the `X-Forwarded-*` headers of a client with this address are kept."""

    def remove(self, connection: ClientSide) -> None:
        """A client's connection has closed."""
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
        self.finder.close()
        self.router.close()
        self.timeouts.close()
        self.connector.idle.close()
        await self.recorder.close()
