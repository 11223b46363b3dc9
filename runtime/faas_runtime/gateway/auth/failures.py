"""Wrong credentials are counted for each address, and too many block it for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

MAX_FAILURES = 20
"""Wrong credentials from one address within `FAILURE_WINDOW` seconds; then it is blocked until the window ends."""
FAILURE_WINDOW = 60.0
_MAX_ADDRESSES = 10_000


class FailureCounter:
    """Counts failures of each address in a window; the oldest addresses are dropped first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._listeners: list[Callable[[str], None]] = []
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, address: str, accepts: Callable[[], Awaitable[bool]]) -> bool:
        """Whether credentials from this address are right, where the check takes a while; wrong ones are counted.

        One at a time for each address: guesses made at once count like any others.
        """
        async with self._turns.setdefault(address, asyncio.Lock()):
            if self.is_blocked(address):
                return False
            if await accepts():
                return True
            self.count(address)
            return False

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the address of every later failure, once it has been counted."""
        self._listeners.append(listener)

    def count(self, address: str) -> None:
        """Count one failure."""
        began, number = self._windows.pop(address, (self._clock(), 0))
        if self._clock() - began >= FAILURE_WINDOW:
            began, number = self._clock(), 0
        self._note(address, began, number + 1)
        for listener in self._listeners:
            listener(address)

    def is_blocked(self, address: str) -> bool:
        """Whether the address is blocked."""
        return self.blocked_seconds(address) > 0

    def blocked_seconds(self, address: str) -> float:
        """For how many more seconds the address is blocked; 0 when it is not."""
        began, number = self._windows.get(address, (0.0, 0))
        return 0.0 if number < MAX_FAILURES else max(0.0, began + FAILURE_WINDOW - self._clock())

    def blocked(self) -> dict[str, float]:
        """Every blocked address, with the seconds left."""
        return {address: seconds for address in self._windows if (seconds := self.blocked_seconds(address)) > 0}

    def block(self, address: str, seconds: float) -> None:
        """Block an address although few failures were counted here: other processes of this gateway count, too."""
        self._windows.pop(address, None)
        self._note(address, self._clock() - FAILURE_WINDOW + seconds, MAX_FAILURES)

    def _note(self, address: str, began: float, number: int) -> None:
        self._windows[address] = (began, number)
        if len(self._windows) > _MAX_ADDRESSES:
            self._windows.popitem(last=False)


def client_host(forwarded_for: str) -> str:
    """The last address in an `X-Forwarded-For`, without its port: the one that the proxy saw."""
    last = forwarded_for.rpartition(",")[2].strip()
    if last.startswith("["):
        return last[1:].partition("]")[0]
    host, _, port = last.rpartition(":")
    return host if host and ":" not in host and port.isdigit() else last
