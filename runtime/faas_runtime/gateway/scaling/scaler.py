"""The built-in scaler: reads the gateway's own counters and asks the provider for more or fewer replicas.

It goes up at once and down only when the load has allowed it for a whole window, so that it
does not flap; to zero when nobody has called for as long as the function's label says.
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
from faas_runtime.gateway.control.status_cache import Catalogue
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.limits import ScaleLimits, for_load, limits_of
from faas_runtime.gateway.scaling.peers import Peers
from faas_runtime.providers.base import FunctionKey, Provider

log = logging.getLogger("faas.scaler")

INTERVAL = 1.0
"""Seconds between two looks."""
RATE_WINDOW = 5.0
"""Seconds over which calls per second are counted."""
_PAUSE_AFTER_FAULT = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a function: calls ever accepted, calls under way, thousandths of a core in use."""

    at: float
    started: int
    in_flight: int
    cpu: float = 0.0


@dataclass(slots=True)
class Watched:
    """What the scaler remembers of one function."""

    samples: deque[Sample] = field(default_factory=deque)
    wanted: deque[tuple[float, int]] = field(default_factory=deque)
    busy_at: float = 0.0
    paused_until: float = 0.0

    def decide(self, sample: Sample, limits: ScaleLimits, current: int) -> int:
        """How many replicas there should be now; the present number where nothing is to be done."""
        if self.busy_at == 0.0 or sample.in_flight or self._has_been_called(sample):
            self.busy_at = sample.at
        self._remember(sample)
        if current == 0:
            # The proxy wakes it; that, too, counts as being used.
            self.busy_at = sample.at
            self.wanted.clear()
            return 0
        if limits.zero and sample.at - self.busy_at >= limits.zero_after:
            return 0
        if limits.minimum >= limits.maximum:
            return limits.minimum
        now = for_load(limits, self._load(limits.kind))
        self.wanted.append((sample.at, now))
        whole = sample.at - self.wanted[0][0] >= limits.down_window
        while self.wanted[0][0] < sample.at - limits.down_window:
            self.wanted.popleft()
        most = max(number for _, number in self.wanted)
        if now > current:
            return now
        return min(current, most) if whole else max(current, limits.minimum)

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
    """Scales every function whose labels ask for it."""

    def __init__(
        self,
        provider: Provider,
        catalogue: Catalogue,
        routes: RoutingTable,
        peers: Peers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._catalogue = catalogue
        self._routes = routes
        self._peers = peers
        self._clock = clock
        self._watched: dict[FunctionKey, Watched] = {}

    async def run(self) -> None:
        """Scale until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Look at every function once and ask for what it needs, unless another gateway does."""
        if not self._peers.leads:
            self._watched.clear()
            return
        functions = self._catalogue.all()
        self._watched = {key: watched for key, watched in self._watched.items() if key in functions}
        for key, status in list(functions.items()):
            limits = limits_of(status.labels, status.annotations)
            if limits.automatic:
                await self._scale(key, status, limits)

    async def _scale(self, key: FunctionKey, status: FunctionStatus, limits: ScaleLimits) -> None:
        route = self._routes.lookup(key)
        if route is None:
            return
        watched = self._watched.setdefault(key, Watched())
        cpu = status.usage.cpu if status.usage is not None else 0.0
        sample = Sample(self._clock(), self._peers.load.started(key), self._peers.load.in_flight(key), cpu)
        wanted = watched.decide(sample, limits, route.replicas)
        if wanted == route.replicas or sample.at < watched.paused_until:
            return
        try:
            await self._provider.scale(key, wanted)
            log.info("scaled %s from %d to %d replicas", key, route.replicas, wanted)
        except RuntimeFault as fault:
            watched.paused_until = sample.at + _PAUSE_AFTER_FAULT
            log.warning("%s cannot be scaled to %d: %s", key, wanted, fault)
