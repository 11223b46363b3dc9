"""Who has an account here, and how often somebody has got it wrong."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from faas_runtime.gateway.auth.users import UserFile

MOST_FAILURES = 20
"""Wrong passwords from one address within `FAILURE_WINDOW` seconds; then it has to wait."""
FAILURE_WINDOW = 60.0
_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the control room."""

    user: str
    password: str = field(repr=False)


class Accounts:
    """Who has an account here, and with which password."""

    def __init__(self, accounts: Sequence[Account], users: UserFile | None = None) -> None:
        self._users = users
        self._accepted = [digest(f"{account.user}:{account.password}".encode()) for account in accounts]

    def __bool__(self) -> bool:
        return bool(self._accepted)

    def knows(self, pair: bytes) -> bool:
        """Whether `USER:PASSWORD` is right, as far as that can be said at once."""
        # Digests have one length, and every account is looked at: the time tells nothing.
        given = digest(pair)
        if sum(hmac.compare_digest(given, accepted) for accepted in self._accepted):
            return True
        return self._users is not None and self._users.remembers(given)

    def hashed(self, pair: bytes) -> bool:
        """Whether only hashing the password can tell, because there is such a user in the file."""
        user = pair.decode("utf-8", errors="replace").partition(":")[0]
        return self._users is not None and self._users.has(user)

    async def accepts(self, pair: bytes) -> bool:
        """Whether `USER:PASSWORD` is right."""
        if self.knows(pair):
            return True
        user, colon, password = pair.decode("utf-8", errors="replace").partition(":")
        return self._users is not None and bool(colon) and await self._users.accepts(user, password)


class FailureCounter:
    """Counts failures of each address in a window; the addresses seen longest ago are forgotten first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._listeners: list[Callable[[str], None]] = []
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def judge(self, address: str, accepts: Callable[[], Awaitable[bool]]) -> bool:
        """Whether credentials from this address are right, where telling takes a while; wrong ones are counted.

        One at a time for each address: guesses made at once count like any others.
        """
        async with self._turns.setdefault(address, asyncio.Lock()):
            if self.too_many(address):
                return False
            if await accepts():
                return True
            self.count(address)
            return False

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the address of every later failure, once it has been counted."""
        self._listeners.append(listener)

    def count(self, address: str) -> None:
        """One more failure."""
        began, number = self._windows.pop(address, (self._clock(), 0))
        if self._clock() - began >= FAILURE_WINDOW:
            began, number = self._clock(), 0
        self._note(address, began, number + 1)
        for listener in self._listeners:
            listener(address)

    def too_many(self, address: str) -> bool:
        """Whether the address has to wait."""
        return self.wait(address) > 0

    def wait(self, address: str) -> float:
        """How many seconds the address has to wait."""
        began, number = self._windows.get(address, (0.0, 0))
        return 0.0 if number < MOST_FAILURES else max(0.0, began + FAILURE_WINDOW - self._clock())

    def waits(self) -> dict[str, float]:
        """Every address that has to wait, and how many seconds."""
        return {address: seconds for address in self._windows if (seconds := self.wait(address)) > 0}

    def block(self, address: str, seconds: float) -> None:
        """Let an address wait, whatever has been counted here: others have counted, too."""
        self._windows.pop(address, None)
        self._note(address, self._clock() - FAILURE_WINDOW + seconds, MOST_FAILURES)

    def _note(self, address: str, began: float, number: int) -> None:
        self._windows[address] = (began, number)
        if len(self._windows) > _MOST_ADDRESSES:
            self._windows.popitem(last=False)


def basic_pair(authorization: str) -> bytes | None:
    """The pair of user and password; None where none is given, as clients without a login do."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def client_host(forwarded_for: str) -> str:
    """The address, without its port, that is said to be the last before us."""
    last = forwarded_for.rpartition(",")[2].strip()
    if last.startswith("["):
        return last[1:].partition("]")[0]
    host, _, port = last.rpartition(":")
    return host if host and ":" not in host and port.isdigit() else last


def digest(secret: bytes) -> bytes:
    """What is compared in place of a secret."""
    return hashlib.sha256(secret).digest()
