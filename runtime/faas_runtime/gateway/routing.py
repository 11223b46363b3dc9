"""The routing table: every function's endpoints, in memory.

The provider's `watch()` fills it, and the proxy reads it on every request without asking the provider.
It belongs to one event loop and needs no locks.
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
        """The function's current routing, or None if there is no such function."""
        return self._routes.get(key)

    def all(self) -> list[RouteUpdate]:
        """Every function's current routing."""
        return list(self._routes.values())

    def functions(self) -> list[RouteUpdate]:
        """The routing of every function, without their canaries."""
        return [route for route in self._routes.values() if not is_canary(route.key)]

    def set_canary(self, key: FunctionKey, share: float | None) -> None:
        """Set the share of calls that the function's canary gets; None for no canary."""
        if share is None:
            self._canaries.pop(key, None)
        else:
            self._canaries[key] = share
        route = self._routes.get(key)
        if route is not None:
            self.apply(dataclasses.replace(route, canary=share))

    def apply(self, change: RoutingChange) -> None:
        """Apply a change, wake waiters of that function, notify every listener."""
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
        """Call `listener` with every later change, in order."""
        self._listeners.append(listener)

    async def changed(self, key: FunctionKey) -> None:
        """Return after the next change of this function's routing. The caller limits the wait."""
        event = self._changed.get(key)
        if event is None:
            event = self._changed[key] = asyncio.Event()
        await event.wait()
