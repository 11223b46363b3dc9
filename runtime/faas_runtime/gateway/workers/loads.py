"""How busy replicas are with the calls of other proxies, so that each can choose the least busy one.

News is some hundredths of a second old when it comes, and comes to all at once. Were it taken as it is, all proxies
would turn to the same replica together, then all away from it. So each tells a smoothed count, the slower the more
proxies there are: calls that last shift the choice by their full number, the ups and downs of short ones hardly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from faas_runtime.gateway.proxy.pool import EndpointPool

LOAD_INTERVAL = 0.05
"""Seconds between two looks at the calls in flight."""
PARTS = 10
"""In-flight counts are exchanged in tenths of a call: with whole calls, equal proxies would all step at once."""


class LoadReporter:
    """At one proxy: what it has in flight at each replica, and what the others have."""

    def __init__(self, proxies: int) -> None:
        # Each answers to what all others have told: with more of it in one step, their answers would swing.
        self._step = 0.5 / proxies
        self._smooth: dict[str, float] = {}
        self._told: dict[str, int] = {}
        self._remote: dict[str, int] = {}

    def take_over(self, replicas: dict[str, int]) -> None:
        """Replicas at which the others have another number of calls now, in parts."""
        for instance, count in replicas.items():
            if count:
                self._remote[instance] = count
            else:
                self._remote.pop(instance, None)

    def look(self, pools: Iterable[EndpointPool]) -> dict[str, int]:
        """Let replicas know of the others' calls; returns those at which ours have become more or fewer, in parts."""
        smooth: dict[str, float] = {}
        for pool in pools:
            instance = pool.endpoint.instance
            pool.set_remote_in_flight(round(self._remote.get(instance, 0) / PARTS))
            before = self._smooth.get(instance, 0.0)
            smooth[instance] = before + self._step * (pool.in_flight - pool.remote_in_flight - before)
        self._smooth = smooth
        ours = {instance: count for instance, load in smooth.items() if (count := round(load * PARTS))}
        changed = {
            instance: ours.get(instance, 0)
            for instance in ours.keys() | self._told.keys()
            if ours.get(instance) != self._told.get(instance)
        }
        self._told = ours
        return changed


class LoadAggregator:
    """In the control process: what every proxy has in flight, in parts; each is told the sum of all others'."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._of: dict[object, dict[str, int]] = {}
        self._tell: dict[object, Callable[[dict[str, int]], None]] = {}

    def join(self, proxy: object, tell: Callable[[dict[str, int]], None]) -> None:
        """A proxy that has nothing in flight yet; `tell` takes what the others have, and later what changes."""
        self._of[proxy], self._tell[proxy] = {}, tell
        if self._total:
            tell(dict(self._total))

    def leave(self, proxy: object) -> None:
        """A proxy is gone, and with it the calls it had."""
        if proxy in self._of:
            self.heard(proxy, dict.fromkeys(self._of[proxy], 0))
            del self._of[proxy], self._tell[proxy]

    def heard(self, proxy: object, replicas: dict[str, int]) -> None:
        """A proxy has another number of calls at these replicas now."""
        if not replicas:
            return
        own = self._of[proxy]
        for instance, count in replicas.items():
            self._set(self._total, instance, self._total.get(instance, 0) + count - own.get(instance, 0))
            self._set(own, instance, count)
        for other, tell in self._tell.items():
            if other is not proxy:
                its = self._of[other]
                tell({instance: self._total.get(instance, 0) - its.get(instance, 0) for instance in replicas})

    @staticmethod
    def _set(counts: dict[str, int], instance: str, count: int) -> None:
        if count:
            counts[instance] = count
        else:
            counts.pop(instance, None)
