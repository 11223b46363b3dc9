"""The built-in scaler: sets the number of replicas by the gateways' own counters.

It scales up at once, and down only when the load has allowed it for a whole window, so that replicas do not flap.
It scales to zero when a function has had no call for as long as its label says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from faas_runtime.core.api import FunctionStatus
from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.control.status_cache import StatusCache
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.limits import ScaleLimits, for_load, limits_of
from faas_runtime.gateway.scaling.peers import Peers
from faas_runtime.providers.base import FunctionKey, Provider

log = logging.getLogger("faas.scaler")

SCALE_INTERVAL = 1.0
"""Seconds between two samples."""
RATE_WINDOW = 5.0
"""Seconds over which calls per second are counted."""
_FAULT_PAUSE = 30.0
"""Seconds without scaling a function after the provider refused."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters of a function at a time: calls ever accepted, calls in flight, thousandths of a core in use."""

    at: float
    started: int
    in_flight: int
    cpu: float = 0.0


@dataclass(slots=True)
class ScalingHistory:
    """The recent samples of one function, and the number of replicas that each called for."""

    samples: deque[Sample] = field(default_factory=deque)
    desired: deque[tuple[float, int]] = field(default_factory=deque)
    busy_at: float = 0.0
    paused_until: float = 0.0

    def decide(self, sample: Sample, limits: ScaleLimits, current: int) -> int:
        """The desired number of replicas; the current one where nothing is to be done."""
        if self.busy_at == 0.0 or sample.in_flight or self._has_been_called(sample):
            self.busy_at = sample.at
        self._remember(sample)
        if current == 0:
            # The proxy wakes the function; its idle time starts again.
            self.busy_at = sample.at
            self.desired.clear()
            return 0
        if limits.zero and sample.at - self.busy_at >= limits.zero_after:
            return 0
        if limits.minimum >= limits.maximum:
            return limits.minimum
        now = for_load(limits, self._load(limits.kind))
        self.desired.append((sample.at, now))
        complete = sample.at - self.desired[0][0] >= limits.down_window
        while self.desired[0][0] < sample.at - limits.down_window:
            self.desired.popleft()
        highest = max(number for _, number in self.desired)
        if now > current:
            return now
        return min(current, highest) if complete else max(current, limits.minimum)

    def _has_been_called(self, sample: Sample) -> bool:
        return bool(self.samples) and sample.started != self.samples[-1].started

    def _remember(self, sample: Sample) -> None:
        self.samples.append(sample)
        while len(self.samples) > 2 and self.samples[1].at <= sample.at - RATE_WINDOW:
            self.samples.popleft()

    def _load(self, kind: str) -> float:
        first, last = self.samples[0], self.samples[-1]
        if kind == "capacity":
            return sum(sample.in_flight for sample in self.samples) / len(self.samples)
        if kind == "cpu":
            return last.cpu
        return (last.started - first.started) / (last.at - first.at) if last.at > first.at else 0.0


class Scaler:
    """Scales every function whose labels enable it."""

    def __init__(
        self,
        provider: Provider,
        statuses: StatusCache,
        routes: RoutingTable,
        peers: Peers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._statuses = statuses
        self._routes = routes
        self._peers = peers
        self._clock = clock
        self._histories: dict[FunctionKey, ScalingHistory] = {}

    async def run(self) -> None:
        """Scale until cancelled."""
        while True:
            await asyncio.sleep(SCALE_INTERVAL)
            await self.scale_all()

    async def scale_all(self) -> None:
        """Sample every function once and scale those that need it; do nothing while another gateway leads."""
        if not self._peers.is_leader:
            self._histories.clear()
            return
        functions = self._statuses.all()
        self._histories = {key: history for key, history in self._histories.items() if key in functions}
        for key, status in list(functions.items()):
            limits = limits_of(status.labels, status.annotations)
            if limits.automatic:
                await self._scale(key, status, limits)

    async def _scale(self, key: FunctionKey, status: FunctionStatus, limits: ScaleLimits) -> None:
        route = self._routes.lookup(key)
        if route is None:
            return
        history = self._histories.setdefault(key, ScalingHistory())
        cpu = status.usage.cpu if status.usage is not None else 0.0
        sample = Sample(self._clock(), self._peers.load.started(key), self._peers.load.in_flight(key), cpu)
        desired = history.decide(sample, limits, route.replicas)
        if desired == route.replicas or sample.at < history.paused_until:
            return
        try:
            await self._provider.scale(key, desired)
            log.info("scaled %s from %d to %d replicas", key, route.replicas, desired)
        except RuntimeFault as fault:
            history.paused_until = sample.at + _FAULT_PAUSE
            log.warning("%s cannot be scaled to %d: %s", key, desired, fault)
