"""Timeouts for thousands of connections with one timer for each duration.

All items of a queue have the same timeout, so the queue is always in order of expiry: arming is one
insertion at its end, and the timer looks only at its front.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from faas_runtime.gateway.proxy.interfaces import CallSide, ClientSide
from faas_runtime.gateway.proxy.settings import ProxySettings

Item = TypeVar("Item", bound=Hashable)


class DeadlineQueue(Generic[Item]):
    """Calls `expired(item)` for every item that stays armed for `seconds`."""

    __slots__ = ("_expired", "_items", "_loop", "_seconds", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, expired: Callable[[Item], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expired = expired
        self._items: dict[Item, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def arm(self, item: Item) -> None:
        """Start the item's timeout, or restart it."""
        items = self._items
        items.pop(item, None)
        items[item] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._tick)

    def disarm(self, item: Item) -> None:
        """Remove the item; unknown ones are no error. The timer keeps running and finds nothing."""
        self._items.pop(item, None)

    def __contains__(self, item: Item) -> bool:
        return item in self._items

    def close(self) -> None:
        """Remove every item and stop the timer."""
        self._items.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._items:
            item, when = next(iter(self._items.items()))
            if when > now + 0.001:
                self._timer = self._loop.call_later(when - now, self._tick)
                return
            del self._items[item]
            self._expired(item)


class Timeouts:
    """One queue for each timeout of the settings, and one for each different timeout of calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: ProxySettings) -> None:
        self._loop = loop
        self.idle: DeadlineQueue[ClientSide] = DeadlineQueue(
            loop, settings.idle_timeout, lambda client: client.idle_expired()
        )
        self.head: DeadlineQueue[ClientSide] = DeadlineQueue(
            loop, settings.head_timeout, lambda client: client.head_expired()
        )
        self.write: DeadlineQueue[ClientSide] = DeadlineQueue(
            loop, settings.write_timeout, lambda client: client.write_expired()
        )
        self.linger: DeadlineQueue[ClientSide] = DeadlineQueue(
            loop, settings.linger_timeout, lambda client: client.linger_expired()
        )
        self.drain: DeadlineQueue[ClientSide] = DeadlineQueue(
            loop, settings.drain_timeout, lambda client: client.drain_expired()
        )
        self.read: DeadlineQueue[CallSide] = DeadlineQueue(
            loop, settings.read_timeout, lambda call: call.read_expired()
        )
        self.tunnel: DeadlineQueue[CallSide] = DeadlineQueue(
            loop, settings.tunnel_idle_timeout, lambda call: call.tunnel_ended()
        )
        self._calls: dict[float, DeadlineQueue[CallSide]] = {}

    def calls(self, seconds: float) -> DeadlineQueue[CallSide]:
        """The queue of calls with this timeout."""
        queue = self._calls.get(seconds)
        if queue is None:
            queue = self._calls[seconds] = DeadlineQueue(self._loop, seconds, lambda call: call.call_expired())
        return queue

    def disarm(self, client: ClientSide) -> None:
        """Remove a connection from every queue of connections."""
        for queue in (self.idle, self.head, self.write, self.linger, self.drain):
            queue.disarm(client)

    def close(self) -> None:
        """Stop every timer."""
        for clients in (self.idle, self.head, self.write, self.linger, self.drain):
            clients.close()
        for calls in (self.read, self.tunnel, *self._calls.values()):
            calls.close()
