"""How busy replicas are with the calls of other front doors, so that each can choose the least busy one.

News is some hundredths of a second old when it comes, and comes to all at once. Were it taken as it is, all doors
would turn to the same replica together, then all away from it. So each tells a smoothed count, the slower the more
doors there are: calls that last shift the choice by their full number, the ups and downs of short ones hardly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from faas_runtime.gateway.proxy.pool import EndpointPool

LOOK_INTERVAL = 0.05
"""Seconds between two looks at the calls in flight."""
PARTS = 10
"""What is told is counted in such parts of a call: in whole ones, equal doors would all take the same step at once."""


class DoorLoads:
    """At one front door: what it has in flight at each replica, and what the others have."""

    def __init__(self, doors: int) -> None:
        # Each answers to what all others have told: with more of it in one step, their answers would swing.
        self._step = 0.5 / doors
        self._smooth: dict[str, float] = {}
        self._told: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}

    def take_over(self, replicas: dict[str, int]) -> None:
        """Replicas at which the others have another number of calls now, in parts."""
        for instance, count in replicas.items():
            if count:
                self._elsewhere[instance] = count
            else:
                self._elsewhere.pop(instance, None)

    def look(self, pools: Iterable[EndpointPool]) -> dict[str, int]:
        """Let replicas know of the others' calls; returns those at which ours have become more or fewer, in parts."""
        smooth: dict[str, float] = {}
        for pool in pools:
            instance = pool.endpoint.instance
            pool.tell_elsewhere(round(self._elsewhere.get(instance, 0) / PARTS))
            before = self._smooth.get(instance, 0.0)
            smooth[instance] = before + self._step * (pool.in_flight - pool.elsewhere - before)
        self._smooth = smooth
        ours = {instance: count for instance, load in smooth.items() if (count := round(load * PARTS))}
        changed = {
            instance: ours.get(instance, 0)
            for instance in ours.keys() | self._told.keys()
            if ours.get(instance) != self._told.get(instance)
        }
        self._told = ours
        return changed


class LoadBoard:
    """In the control process: what every door has in flight, in parts; each is told the sum of all others'."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._of: dict[object, dict[str, int]] = {}
        self._tell: dict[object, Callable[[dict[str, int]], None]] = {}

    def join(self, door: object, tell: Callable[[dict[str, int]], None]) -> None:
        """A door that has nothing in flight yet; `tell` takes what the others have, and later what changes."""
        self._of[door], self._tell[door] = {}, tell
        if self._total:
            tell(dict(self._total))

    def leave(self, door: object) -> None:
        """A door is gone, and with it the calls it had."""
        if door in self._of:
            self.heard(door, dict.fromkeys(self._of[door], 0))
            del self._of[door], self._tell[door]

    def heard(self, door: object, replicas: dict[str, int]) -> None:
        """A door has another number of calls at these replicas now."""
        if not replicas:
            return
        own = self._of[door]
        for instance, count in replicas.items():
            self._set(self._total, instance, self._total.get(instance, 0) + count - own.get(instance, 0))
            self._set(own, instance, count)
        for other, tell in self._tell.items():
            if other is not door:
                its = self._of[other]
                tell({instance: self._total.get(instance, 0) - its.get(instance, 0) for instance in replicas})

    @staticmethod
    def _set(counts: dict[str, int], instance: str, count: int) -> None:
        if count:
            counts[instance] = count
        else:
            counts.pop(instance, None)
