"""How busy replicas are with the calls of other proxies, so that each proxy can choose the least busy replica.

Reports are some hundredths of a second old when they arrive, and reach all proxies at once. With exact
numbers, all proxies would turn to the same replica together, then all away from it. So each reports a
smoothed number, the more smoothed the more proxies there are: long calls count fully, the fluctuation
of short ones hardly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from faas_runtime.gateway.proxy.pool import EndpointPool

LOAD_INTERVAL = 0.05
"""Seconds between two reports."""
LOAD_SCALE = 10
"""Reports count in tenths of a call: with whole calls, equal proxies would all step at once."""


class LoadReporter:
    """At one proxy: its calls in flight at each replica, and those of the other proxies."""

    def __init__(self, proxies: int) -> None:
        # Each proxy reacts to the reports of all others: with larger steps their reactions would oscillate.
        self._step = 0.5 / proxies
        self._smooth: dict[str, float] = {}
        self._reported: dict[str, int] = {}
        self._remote: dict[str, int] = {}

    def apply(self, replicas: dict[str, int]) -> None:
        """Store the other proxies' new loads of these replicas, in tenths of a call."""
        for instance, load in replicas.items():
            _set(self._remote, instance, load)

    def sample(self, pools: Iterable[EndpointPool]) -> dict[str, int]:
        """Pass the other proxies' loads on to the replicas; returns the own loads that have changed."""
        smooth: dict[str, float] = {}
        for pool in pools:
            instance = pool.endpoint.instance
            pool.set_remote_in_flight(round(self._remote.get(instance, 0) / LOAD_SCALE))
            before = self._smooth.get(instance, 0.0)
            smooth[instance] = before + self._step * (pool.in_flight - pool.remote_in_flight - before)
        self._smooth = smooth
        own = {instance: load for instance, value in smooth.items() if (load := round(value * LOAD_SCALE))}
        changed = {
            instance: own.get(instance, 0)
            for instance in own.keys() | self._reported.keys()
            if own.get(instance) != self._reported.get(instance)
        }
        self._reported = own
        return changed


class LoadAggregator:
    """In the control process: the loads that each proxy reports; each is sent the sum of all others'."""

    def __init__(self) -> None:
        self._total: dict[str, int] = {}
        self._of: dict[object, dict[str, int]] = {}
        self._send: dict[object, Callable[[dict[str, int]], None]] = {}

    def join(self, proxy: object, send: Callable[[dict[str, int]], None]) -> None:
        """Add a proxy without calls; `send` gets the loads of the others, now and whenever they change."""
        self._of[proxy], self._send[proxy] = {}, send
        if self._total:
            send(dict(self._total))

    def leave(self, proxy: object) -> None:
        """Remove a proxy that has ended, with its calls."""
        if proxy in self._of:
            self.update(proxy, dict.fromkeys(self._of[proxy], 0))
            del self._of[proxy], self._send[proxy]

    def update(self, proxy: object, replicas: dict[str, int]) -> None:
        """A proxy reports new loads of these replicas."""
        if not replicas:
            return
        own = self._of[proxy]
        for instance, load in replicas.items():
            _set(self._total, instance, self._total.get(instance, 0) + load - own.get(instance, 0))
            _set(own, instance, load)
        for other, send in self._send.items():
            if other is not proxy:
                theirs = self._of[other]
                send({instance: self._total.get(instance, 0) - theirs.get(instance, 0) for instance in replicas})


def _set(loads: dict[str, int], instance: str, load: int) -> None:
    if load:
        loads[instance] = load
    else:
        loads.pop(instance, None)
