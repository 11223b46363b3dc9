"""Several gateways over the same functions: one of them scales and keeps the schedules, on the load that all have.

They meet on NATS, where their queue is. Which one leads is a key in a bucket whose entries expire: who made the
key renews it; when that one is gone, the next to try makes it anew. Everybody tells the others its counters.
A gateway without NATS, or with an engine of its own, is alone and leads.
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

TERM = 6.0
"""Seconds for which a leader is one without renewing; so long nobody leads after one has died."""
_RENEW = 1.5
_MARGIN = 1.5
"""Seconds before its term's end in which a gateway that could not renew leads no more: clocks drift."""
_FRESH = 5.0
"""Seconds for which the calls that another gateway says are under way count."""
_BUCKET = "faas-leader"
_SUBJECT = "faas.load"


class Counters(Protocol):
    """What the scaler knows of a function's load."""

    def started(self, key: FunctionKey) -> int:
        """Calls ever accepted."""

    def in_flight(self, key: FunctionKey) -> int:
        """Calls under way."""


class Peers(Protocol):
    """The other gateways, if there are any."""

    @property
    def leads(self) -> bool:
        """Whether this one scales, and calls what is scheduled."""

    @property
    def load(self) -> Counters:
        """The counters of all gateways together."""


class Alone:
    """There is only this gateway."""

    leads = True

    def __init__(self, own: Counters) -> None:
        self.load = own


class Report(msgspec.Struct, array_like=True):
    """One gateway's counters: accepted calls ever, and calls under way, by function."""

    sender: str
    counts: list[tuple[str, str, int, int]]


class SharedLoad:
    """Own counters and those of the others, which only ever grow, even when a gateway starts anew or is gone."""

    def __init__(self, own: Counters, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = own
        self._clock = clock
        self._grown: dict[FunctionKey, int] = {}
        self._last: dict[tuple[str, FunctionKey], int] = {}
        self._running: dict[FunctionKey, dict[str, tuple[float, int]]] = {}

    def hear(self, report: Report) -> None:
        """Another gateway has told its counters."""
        now = self._clock()
        for name, namespace, started, in_flight in report.counts:
            key = FunctionKey(name, namespace)
            last = self._last.get((report.sender, key))
            self._last[report.sender, key] = started
            # The first report of a gateway says how much it has done without us: that is not load now.
            if last is not None:
                self._grown[key] = self._grown.get(key, 0) + max(0, started - last)
            self._running.setdefault(key, {})[report.sender] = (now, in_flight)

    def started(self, key: FunctionKey) -> int:
        """Calls accepted by all gateways since this one knows of them."""
        return self._own.started(key) + self._grown.get(key, 0)

    def in_flight(self, key: FunctionKey) -> int:
        """Calls under way in all gateways."""
        earliest = self._clock() - _FRESH
        others = self._running.get(key, {})
        for sender in [sender for sender, (at, _) in others.items() if at < earliest]:
            del others[sender]
        return self._own.in_flight(key) + sum(number for _, number in others.values())


class NatsPeers:
    """The gateways that meet on a NATS server, and have the functions of one `platform` in common."""

    def __init__(self, url: str, platform: str, routes: RoutingTable, metrics: InvocationMetrics) -> None:
        self.name = uuid.uuid4().hex[:12]
        # A platform's name may be an address; the server takes letters and digits.
        self._group = hashlib.sha256(platform.encode()).hexdigest()[:16]
        self._url = url
        self._routes = routes
        self._metrics = metrics
        self._shared = SharedLoad(metrics)
        self._until = 0.0
        self._revision: int | None = None
        self._led = False
        self._told: dict[FunctionKey, tuple[int, int]] = {}

    @property
    def load(self) -> Counters:
        """The counters of all gateways together."""
        return self._shared

    @property
    def leads(self) -> bool:
        """Whether our term lasts."""
        return time.monotonic() < self._until

    async def run(self) -> None:
        """Meet the others until cancelled; a server that goes away is waited for."""
        import nats

        connection = await nats.connect(self._url, max_reconnect_attempts=-1, error_cb=_quiet)
        try:
            await connection.subscribe(f"{_SUBJECT}.{self._group}", cb=self._hear)
            bucket = None
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RENEW * 2):
                        bucket = bucket or await self._bucket(connection)
                        await self._stand(bucket)
                        await self._tell(connection)
                self._say()
                await asyncio.sleep(_RENEW)
        finally:
            self._until = 0.0
            with contextlib.suppress(Exception):
                async with asyncio.timeout(1):
                    await self._resign(bucket)
            await connection.close()

    async def _bucket(self, connection: Any) -> Any:
        from nats.js.api import KeyValueConfig

        config = KeyValueConfig(bucket=_BUCKET, ttl=TERM, history=1)
        return await connection.jetstream(timeout=_RENEW).create_key_value(config)

    async def _stand(self, bucket: Any) -> None:
        """Renew our term, or try to begin one."""
        from nats.errors import Error

        begun = time.monotonic()
        try:
            if self._revision is None:
                self._revision = await bucket.create(self._group, self.name.encode())
            else:
                self._revision = await bucket.update(self._group, self.name.encode(), last=self._revision)
        except Error as error:
            # Somebody else leads, or the server does not answer. In the second case our term runs out by itself.
            if not isinstance(error, TimeoutError):
                self._revision = None
            return
        self._until = begun + TERM - _MARGIN

    async def _resign(self, bucket: Any) -> None:
        if bucket is not None and self._revision is not None:
            await bucket.purge(self._group)

    async def _tell(self, connection: Any) -> None:
        """Say what has changed, and what is under way: of thousands of functions few are called at a time."""
        present = {
            route.key: (self._metrics.started(route.key), self._metrics.in_flight(route.key))
            for route in self._routes.all()
        }
        counts = [
            (*key, *numbers) for key, numbers in present.items() if numbers[1] or self._told.get(key, (0, 0)) != numbers
        ]
        self._told = present
        await connection.publish(f"{_SUBJECT}.{self._group}", msgspec.msgpack.encode(Report(self.name, counts)))

    async def _hear(self, message: Any) -> None:
        with contextlib.suppress(msgspec.MsgspecError):
            report = msgspec.msgpack.decode(message.data, type=Report)
            if report.sender != self.name:
                self._shared.hear(report)

    def _say(self) -> None:
        if self.leads != self._led:
            self._led = self.leads
            log.info("gateway %s %s", self.name, "leads now" if self._led else "leads no more")


async def _quiet(error: Exception) -> None:
    """What the client reports in passing; it connects again by itself."""
