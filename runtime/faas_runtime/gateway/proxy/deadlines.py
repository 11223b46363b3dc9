"""Timeouts for thousands of connections with one timer for each duration.

Everything in a queue waits equally long, so the queue is in order of expiry by itself:
arming is one insertion at its end, and the timer looks only at its front.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

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
        """Start the item's time, or start it anew."""
        items = self._items
        items.pop(item, None)
        items[item] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._tick)

    def disarm(self, item: Item) -> None:
        """Forget the item; unknown ones are no error. The timer runs on and finds nothing."""
        self._items.pop(item, None)

    def __contains__(self, item: Item) -> bool:
        return item in self._items

    def close(self) -> None:
        """Forget everything and stop the timer."""
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
