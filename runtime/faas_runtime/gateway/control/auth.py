"""Who may use the control room: basic authentication, and no requests on behalf of other web sites."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from faas_runtime.gateway.control.users import UserFile

OPEN_PATHS = frozenset({"/", "/healthz"})
"""Paths anybody may ask for; function calls never come here."""
OPEN_PREFIXES = ("/async-function/",)
MOST_FAILURES = 20
"""Wrong passwords from one address within `FAILURE_WINDOW` seconds; then it has to wait."""
FAILURE_WINDOW = 60.0
_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the control room."""

    user: str
    password: str = field(repr=False)


class BasicAuth:
    """ASGI middleware that answers 401 to whoever does not name an account and its password."""

    def __init__(
        self,
        app: ASGIApp,
        accounts: tuple[Account, ...],
        users: UserFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._users = users
        self._accepted = [_digest(f"{account.user}:{account.password}".encode()) for account in accounts]
        self._failures = FailureCounter(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        address = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        given = _credentials(headers)
        if given is not None and self._failures.too_many(address):
            refusal: Response = PlainTextResponse("too many wrong passwords", 429, {"Retry-After": "60"})
        elif given is not None and await self._accepts(given):
            await self._app(scope, receive, send)
            return
        else:
            if given is not None:
                self._failures.count(address)
            refusal = PlainTextResponse("invalid credentials", 401, {"WWW-Authenticate": 'Basic realm="Restricted"'})
        await refusal(scope, receive, send)

    async def _accepts(self, given: bytes) -> bool:
        # Digests have one length, and every account is looked at: the time tells nothing.
        digest = _digest(given)
        if sum(hmac.compare_digest(digest, accepted) for accepted in self._accepted):
            return True
        user, colon, password = given.decode("utf-8", errors="replace").partition(":")
        return self._users is not None and bool(colon) and await self._users.accepts(user, password)


class FailureCounter:
    """Counts failures of each address in a window; the addresses seen longest ago are forgotten first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, address: str) -> None:
        """One more failure."""
        began, number = self._windows.pop(address, (self._clock(), 0))
        if self._clock() - began >= FAILURE_WINDOW:
            began, number = self._clock(), 0
        self._windows[address] = (began, number + 1)
        if len(self._windows) > _MOST_ADDRESSES:
            self._windows.popitem(last=False)

    def too_many(self, address: str) -> bool:
        """Whether the address has to wait."""
        began, number = self._windows.get(address, (0.0, 0))
        return number >= MOST_FAILURES and self._clock() - began < FAILURE_WINDOW


class SameSiteOnly:
    """ASGI middleware against forged requests: a browser sends saved credentials along with any page's form."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what changes something and comes from another site's page."""
        if scope["type"] == "http" and _changes(scope) and _is_foreign(Headers(scope=scope)):
            refusal = PlainTextResponse("requests from other sites are refused", 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether anybody may ask for the path."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def _changes(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD") and not is_open(scope["path"])


def _is_foreign(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")  # browsers that do not say more
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")


def _credentials(headers: Headers) -> bytes | None:
    """The pair of user and password; None where none is given, as clients without a login do."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _digest(pair: bytes) -> bytes:
    return hashlib.sha256(pair).digest()
