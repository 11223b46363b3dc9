"""Wrong credentials are counted for each address and for each account, and too many block it for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

MAX_FAILURES = 20
"""Wrong credentials from one address within `FAILURE_WINDOW` seconds; then it is blocked until the window ends."""
MAX_ACCOUNT_FAILURES = 60
"""Wrong passwords for one account from all addresses within the window: a client may have many addresses, and one on
this machine any that it likes. Addresses from which the account was used before stay allowed."""
FAILURE_WINDOW = 60.0
MAX_CHECKS = 32
"""Addresses whose passwords are being checked at once; hashing is slow on purpose."""
_MAX_KEYS = 10_000
_ACCOUNT = "account "
"""Begins the keys of accounts; no address begins so."""


class FailureCounter:
    """Counts failures of each address and account in a window; the oldest are dropped first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._good: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._listeners: list[Callable[[str], None]] = []
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, address: str, accepts: Callable[[], Awaitable[bool]], account: str = "") -> bool:
        """Whether credentials from this address are right, where the check takes a while; wrong ones are counted.

        One at a time for each address: guesses made at once count like any others. The caller has asked `is_busy`.
        """
        async with self._turns.setdefault(address, asyncio.Lock()):
            if self.is_blocked(address, account):
                return False
            if await accepts():
                self.succeeded(address, account)
                return True
            self.count(address, account)
            return False

    def is_busy(self, address: str) -> bool:
        """Whether passwords from so many other addresses are being checked that one from here would wait for long."""
        return len(self._turns) >= MAX_CHECKS and address not in self._turns

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the key (an address, or an account's) of every later failure, once it is counted."""
        self._listeners.append(listener)

    def count(self, address: str, account: str = "") -> None:
        """Count one failure of an address (or of a key from `subscribe`), and of the account it was for."""
        for key in (address, _ACCOUNT + account) if account else (address,):
            began, number = self._windows.pop(key, (self._clock(), 0))
            if self._clock() - began >= FAILURE_WINDOW:
                began, number = self._clock(), 0
            self._note(key, began, number + 1)
            for listener in self._listeners:
                listener(key)

    def succeeded(self, address: str, account: str) -> None:
        """Remember that an account was used from an address: failures elsewhere do not block it there."""
        if not account:
            return
        self._good[address, account] = None
        self._good.move_to_end((address, account))
        if len(self._good) > _MAX_KEYS:
            self._good.popitem(last=False)

    def is_blocked(self, address: str, account: str = "") -> bool:
        """Whether the address is blocked, or the account for it."""
        if self.blocked_seconds(address) > 0:
            return True
        if not account or (address, account) in self._good:
            return False
        return self.blocked_seconds(_ACCOUNT + account) > 0

    def blocked_seconds(self, key: str) -> float:
        """For how many more seconds an address or an account's key is blocked; 0 when it is not."""
        began, number = self._windows.get(key, (0.0, 0))
        return 0.0 if number < _limit(key) else max(0.0, began + FAILURE_WINDOW - self._clock())

    def blocked(self) -> dict[str, float]:
        """Every blocked key, with the seconds left."""
        return {key: seconds for key in self._windows if (seconds := self.blocked_seconds(key)) > 0}

    def block(self, key: str, seconds: float) -> None:
        """Block a key although few failures were counted here: other processes of this gateway count, too."""
        self._windows.pop(key, None)
        self._note(key, self._clock() - FAILURE_WINDOW + seconds, _limit(key))

    def _note(self, key: str, began: float, number: int) -> None:
        self._windows[key] = (began, number)
        if len(self._windows) > _MAX_KEYS:
            self._windows.popitem(last=False)


def _limit(key: str) -> int:
    return MAX_ACCOUNT_FAILURES if key.startswith(_ACCOUNT) else MAX_FAILURES


def client_host(forwarded_for: str, trusts: Callable[[str], bool] | None = None) -> str:
    """The client's address in an `X-Forwarded-For`, without its port.

    It is the last one that is not a trusted proxy's: each proxy appends the address that it saw, and what a client
    wrote itself comes before that. Without `trusts` it is the last one.
    """
    hosts = [_host(each.strip()) for each in forwarded_for.split(",") if each.strip()] or [""]
    if trusts is None:
        return hosts[-1]
    return next((host for host in reversed(hosts) if not trusts(host)), hosts[0])


def _host(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.rpartition(":")
    return host if host and ":" not in host and port.isdigit() else text
