"""The in-memory routing table: where the proxy and the control API meet.

The provider's `watch()` fills it; the proxy reads it on every request and never
asks a provider. It belongs to one event loop: no locks.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from faas_runtime.gateway.traffic.canary import is_canary
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RouteUpdate, RoutingChange


class RoutingTable:
    """Every function this gateway can call, by name and namespace."""

    def __init__(self) -> None:
        self._routes: dict[FunctionKey, RouteUpdate] = {}
        self._listeners: list[Callable[[RoutingChange], None]] = []
        self._changed: dict[FunctionKey, asyncio.Event] = {}
        self._canaries: dict[FunctionKey, float] = {}

    def lookup(self, key: FunctionKey) -> RouteUpdate | None:
        """The function's present routing, or None when there is no such function."""
        return self._routes.get(key)

    def all(self) -> list[RouteUpdate]:
        """Every function's present routing."""
        return list(self._routes.values())

    def functions(self) -> list[RouteUpdate]:
        """The routing of every function, without their canaries."""
        return [route for route in self._routes.values() if not is_canary(route.key)]

    def set_canary(self, key: FunctionKey, share: float | None) -> None:
        """Give the function's canary this share of the calls from now on; None when it has no canary any more."""
        if share is None:
            self._canaries.pop(key, None)
        else:
            self._canaries[key] = share
        route = self._routes.get(key)
        if route is not None:
            self.apply(dataclasses.replace(route, canary=share))

    def apply(self, change: RoutingChange) -> None:
        """Take over a change, wake who waits for that function, tell every listener."""
        if isinstance(change, RouteRemoved):
            self._routes.pop(change.key, None)
        else:
            if change.key in self._canaries:
                change = dataclasses.replace(change, canary=self._canaries[change.key])
            self._routes[change.key] = change
        event = self._changed.pop(change.key, None)
        if event is not None:
            event.set()
        for listener in self._listeners:
            listener(change)

    def subscribe(self, listener: Callable[[RoutingChange], None]) -> None:
        """Call `listener` with every later change, in the order in which they come."""
        self._listeners.append(listener)

    async def changed(self, key: FunctionKey) -> None:
        """Return after the next change of this function's routing. The caller bounds the wait."""
        event = self._changed.get(key)
        if event is None:
            event = self._changed[key] = asyncio.Event()
        await event.wait()
