"""Pooled connections to one replica, and the choice among a function's replicas."""

from __future__ import annotations

import asyncio
import random
import select
from collections.abc import Callable, Collection

from faas_runtime.gateway.metrics.invocations import FunctionMeter
from faas_runtime.gateway.proxy.deadlines import DeadlineQueue
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.proxy.upstream import ConnectionOwner, UpstreamConnection
from faas_runtime.providers.base import Endpoint, FunctionKey

# Of more replicas than this, the better of two random ones is chosen.
_MAX_COMPARED = 8
# A connection used less than so many seconds ago is not checked: that would cost more than it saves.
_RECHECK_INTERVAL = 0.05


class Connector:
    """What every pool needs to open connections: the loop, the settings, the queue of idle ones."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ProxySettings) -> None:
        self.loop = loop
        self.settings = settings
        self.idle: DeadlineQueue[UpstreamConnection] = DeadlineQueue(
            loop, settings.upstream_idle_timeout, UpstreamConnection.idle_expired
        )


class EndpointPool(ConnectionOwner):
    """Keep-alive connections to one endpoint, and how busy it is."""

    __slots__ = (
        "_connector",
        "_failures",
        "_idle",
        "ejected_until",
        "in_flight",
        "remote_in_flight",
        "retired",
    )

    def __init__(self, endpoint: Endpoint, connector: Connector) -> None:
        self.endpoint = endpoint
        self.host_line = (f"Host: {endpoint.host}:{endpoint.port}" if endpoint.host else "Host: localhost").encode()
        self.prefix = endpoint.prefix.encode()
        self.in_flight = 0
        self.remote_in_flight = 0
        self.ejected_until = 0.0
        self.retired = False
        self._connector = connector
        self._idle: list[UpstreamConnection] = []
        self._failures = 0

    def take(self) -> UpstreamConnection | None:
        """The idle connection used last, if there is one; the call counts as in flight from here on."""
        while self._idle:
            connection = self._idle.pop()
            self._connector.idle.disarm(connection)
            if connection.usable and not self._has_closed(connection):
                self.in_flight += 1
                return connection
        return None

    def _has_closed(self, connection: UpstreamConnection) -> bool:
        """Whether the other side has closed or sent unsolicited bytes that the loop has not read yet."""
        if self._connector.loop.time() - connection.idle_since < _RECHECK_INTERVAL:
            return False
        poll = select.poll()
        poll.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
        if not poll.poll(0):
            return False
        connection.abort()
        return True

    async def connect(self) -> UpstreamConnection:
        """A new connection; the call counts as in flight from here on. Raises OSError, TimeoutError."""
        self.in_flight += 1
        try:
            async with asyncio.timeout(self._connector.settings.connect_timeout):
                connection = await self._open()
        except BaseException:
            self.in_flight -= 1
            raise
        self._failures = 0
        self.ejected_until = 0.0
        return connection

    async def _open(self) -> UpstreamConnection:
        loop = self._connector.loop
        connection = UpstreamConnection(self, self._connector.settings)
        if self.endpoint.unix:
            await loop.create_unix_connection(connection.protocol, self.endpoint.unix)
        else:
            await loop.create_connection(connection.protocol, self.endpoint.host, self.endpoint.port)
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        self.in_flight -= 1
        if not connection.usable:
            return
        if self.retired or len(self._idle) >= self._connector.settings.max_idle_upstream:
            connection.close()
            return
        connection.idle_since = self._connector.loop.time()
        self._idle.append(connection)
        self._connector.idle.arm(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self._connector.idle.disarm(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def eject(self) -> None:
        """The replica refused a connection: give it no calls for a while, longer each time."""
        settings = self._connector.settings
        pause = min(settings.eject_timeout * 2**self._failures, settings.max_eject_timeout)
        self._failures = min(self._failures + 1, 16)
        self.ejected_until = self._connector.loop.time() + pause

    def set_remote_in_flight(self, count: int) -> None:
        """Set how many calls other proxies have in flight at this replica; `in_flight` includes them."""
        self.in_flight += count - self.remote_in_flight
        self.remote_in_flight = count

    def retire(self) -> None:
        """Accept no new calls: those in flight finish, idle connections close now."""
        self.retired = True
        idle, self._idle = self._idle, []
        for connection in idle:
            self._connector.idle.disarm(connection)
            connection.close()


class Backend:
    """Where calls of one kind go: the replicas of a function, or the control API."""

    __slots__ = (
        "_now",
        "_turn",
        "auth",
        "desired",
        "internal",
        "keep_host",
        "key",
        "meter",
        "name",
        "pools",
        "removed",
        "timeout",
    )

    def __init__(self, name: str, timeout: float, now: Callable[[], float]) -> None:
        self.name = name
        self.timeout = timeout
        self.pools: list[EndpointPool] = []
        self.desired = 1
        self.internal = False
        self.auth = ""
        self.removed = False
        self.key: FunctionKey | None = None
        self.keep_host = False
        self.meter: FunctionMeter | None = None
        self._now = now
        self._turn = 0

    def update(self, endpoints: Collection[Endpoint], connector: Connector) -> None:
        """Apply a new set of replicas: new ones get calls, missing ones get no more."""
        present = {pool.endpoint: pool for pool in self.pools}
        self.pools = [present.get(endpoint) or EndpointPool(endpoint, connector) for endpoint in endpoints]
        for pool in present.values():
            if pool not in self.pools:
                pool.retire()

    def choose(self, tried: Collection[EndpointPool] = ()) -> EndpointPool | None:
        """The replica with the fewest calls in flight (the better of two among many), or None.

        Ejected replicas are chosen only when there is no other.
        """
        pools = self.pools
        count = len(pools)
        if count == 1 and not tried:
            return pools[0]
        if count > _MAX_COMPARED and not tried:
            first, second = random.sample(pools, 2)
            best = first if first.in_flight <= second.in_flight else second
            if best.ejected_until == 0.0:
                return best
        return self._least_busy(tried)

    def _least_busy(self, tried: Collection[EndpointPool]) -> EndpointPool | None:
        now = self._now()
        candidates = [pool for pool in self.pools if pool not in tried]
        available = [pool for pool in candidates if pool.ejected_until <= now]
        if not available:
            return min(candidates, key=lambda pool: pool.ejected_until, default=None)
        # Replicas that are equally busy take turns.
        self._turn = turn = (self._turn + 1) % len(available)
        best = available[turn]
        for pool in available:
            if pool.in_flight < best.in_flight:
                best = pool
        return best
