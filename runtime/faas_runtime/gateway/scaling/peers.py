"""Several gateways over the same functions: they elect a leader, which scales on the load of all and runs schedules.

They meet on NATS, where their queue is. The leader holds a lease: a key in a bucket whose entries expire. It renews
the key; when it stops doing so, the next gateway that tries creates the key again. Every gateway publishes its
counters. A gateway without NATS, or with an engine of its own, is standalone and leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.peers")

LEASE_TIMEOUT = 6.0
"""Seconds that a leader's lease lasts without renewal, and the maximum time without a leader after one has died."""
_RENEW_INTERVAL = 1.5
_LEASE_MARGIN = 1.5
"""Seconds before the end of its lease at which a leader that could not renew it steps down: clocks drift."""
_REPORT_TIMEOUT = 5.0
"""Seconds for which the in-flight calls that another gateway reported are counted."""
_BUCKET = "faas-leader"
_SUBJECT = "faas.load"


class Counters(Protocol):
    """The load of functions."""

    def started(self, key: FunctionKey) -> int:
        """Number of calls ever accepted."""

    def in_flight(self, key: FunctionKey) -> int:
        """Number of calls in flight."""


class Peers(Protocol):
    """The gateways that share functions with this one."""

    @property
    def is_leader(self) -> bool:
        """Whether this gateway scales and runs schedules."""

    @property
    def load(self) -> Counters:
        """The counters of all gateways together."""


class Standalone:
    """A gateway that shares its functions with no other."""

    is_leader = True

    def __init__(self, own: Counters) -> None:
        self.load = own


class LoadReport(msgspec.Struct, array_like=True):
    """One gateway's counters by function: name, namespace, calls ever accepted, calls in flight."""

    sender: str
    counts: list[tuple[str, str, int, int]]


class SharedLoad:
    """The counters of all gateways. They never decrease, even when a gateway restarts or disappears."""

    def __init__(self, own: Counters, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = own
        self._clock = clock
        self._others: dict[FunctionKey, int] = {}
        self._last: dict[tuple[str, FunctionKey], int] = {}
        self._in_flight: dict[FunctionKey, dict[str, tuple[float, int]]] = {}

    def add(self, report: LoadReport) -> None:
        """Add another gateway's report."""
        now = self._clock()
        for name, namespace, started, in_flight in report.counts:
            key = FunctionKey(name, namespace)
            last = self._last.get((report.sender, key))
            self._last[report.sender, key] = started
            # A gateway's first report is its past, not load.
            if last is not None:
                self._others[key] = self._others.get(key, 0) + max(0, started - last)
            self._in_flight.setdefault(key, {})[report.sender] = (now, in_flight)

    def started(self, key: FunctionKey) -> int:
        """Calls accepted by this gateway, and by the others since their first report."""
        return self._own.started(key) + self._others.get(key, 0)

    def in_flight(self, key: FunctionKey) -> int:
        """Calls in flight in all gateways."""
        earliest = self._clock() - _REPORT_TIMEOUT
        others = self._in_flight.get(key, {})
        for sender in [sender for sender, (at, _) in others.items() if at < earliest]:
            del others[sender]
        return self._own.in_flight(key) + sum(number for _, number in others.values())


class NatsPeers:
    """The gateways that use one NATS server and share the functions of one `platform`."""

    def __init__(self, url: str, platform: str, routes: RoutingTable, metrics: InvocationMetrics) -> None:
        self.name = uuid.uuid4().hex[:12]
        # A platform's name may be an address; subjects and keys allow letters and digits only.
        self._group = hashlib.sha256(platform.encode()).hexdigest()[:16]
        self._url = url
        self._routes = routes
        self._metrics = metrics
        self._shared = SharedLoad(metrics)
        self._lease_until = 0.0
        self._revision: int | None = None
        self._was_leader = False
        self._published: dict[FunctionKey, tuple[int, int]] = {}

    @property
    def load(self) -> Counters:
        """The counters of all gateways together."""
        return self._shared

    @property
    def is_leader(self) -> bool:
        """Whether this gateway holds the lease."""
        return time.monotonic() < self._lease_until

    async def run(self) -> None:
        """Take part until cancelled. Reconnects when the server was away."""
        import nats

        connection = await nats.connect(self._url, max_reconnect_attempts=-1, error_cb=_ignore)
        try:
            await connection.subscribe(f"{_SUBJECT}.{self._group}", cb=self._receive)
            bucket = None
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RENEW_INTERVAL * 2):
                        bucket = bucket or await self._bucket(connection)
                        await self._acquire_or_renew(bucket)
                        await self._publish(connection)
                self._log_change()
                await asyncio.sleep(_RENEW_INTERVAL)
        finally:
            self._lease_until = 0.0
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await self._release(bucket)
            await connection.close()

    async def _bucket(self, connection: Any) -> Any:
        from nats.js.api import KeyValueConfig

        config = KeyValueConfig(bucket=_BUCKET, ttl=LEASE_TIMEOUT, history=1)
        return await connection.jetstream(timeout=_RENEW_INTERVAL).create_key_value(config)

    async def _acquire_or_renew(self, bucket: Any) -> None:
        from nats.errors import Error

        begun = time.monotonic()
        try:
            if self._revision is None:
                self._revision = await bucket.create(self._group, self.name.encode())
            else:
                self._revision = await bucket.update(self._group, self.name.encode(), last=self._revision)
        except Error as error:
            # Another gateway leads, or the server does not answer; in the second case the lease expires by itself.
            if not isinstance(error, TimeoutError):
                self._revision = None
            return
        self._lease_until = begun + LEASE_TIMEOUT - _LEASE_MARGIN

    async def _release(self, bucket: Any) -> None:
        if bucket is not None and self._revision is not None:
            await bucket.purge(self._group)

    async def _publish(self, connection: Any) -> None:
        """Publish the counters that changed or have calls in flight: of thousands of functions few are called."""
        present = {
            route.key: (self._metrics.started(route.key), self._metrics.in_flight(route.key))
            for route in self._routes.all()
        }
        counts = [
            (*key, *numbers)
            for key, numbers in present.items()
            if numbers[1] or self._published.get(key, (0, 0)) != numbers
        ]
        self._published = present
        await connection.publish(f"{_SUBJECT}.{self._group}", msgspec.msgpack.encode(LoadReport(self.name, counts)))

    async def _receive(self, message: Any) -> None:
        with contextlib.suppress(msgspec.MsgspecError):
            report = msgspec.msgpack.decode(message.data, type=LoadReport)
            if report.sender != self.name:
                self._shared.add(report)

    def _log_change(self) -> None:
        if self.is_leader != self._was_leader:
            self._was_leader = self.is_leader
            log.info("gateway %s %s", self.name, "is the leader" if self._was_leader else "is no longer the leader")


async def _ignore(error: Exception) -> None:
    """Errors that the client reports and recovers from by itself."""
