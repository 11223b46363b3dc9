"""Who may use the control room: basic authentication, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN_PATHS = frozenset({"/", "/healthz"})
"""Paths anybody may ask for; function calls never come here."""
OPEN_PREFIXES = ("/async-function/",)


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the control room."""

    user: str
    password: str = field(repr=False)


class BasicAuth:
    """ASGI middleware that answers 401 to whoever does not name an account and its password."""

    def __init__(self, app: ASGIApp, accounts: tuple[Account, ...]) -> None:
        self._app = app
        self._accepted = [_digest(f"{account.user}:{account.password}".encode()) for account in accounts]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or self._is_open(scope["path"]) or self._accepts(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = Response(
            "invalid credentials",
            401,
            {"WWW-Authenticate": 'Basic realm="Restricted"', "Content-Type": "text/plain; charset=utf-8"},
        )
        await refusal(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)

    def _accepts(self, headers: Headers) -> bool:
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        # Digests have one length, and every account is looked at: the time tells nothing.
        digest = _digest(given)
        return sum(hmac.compare_digest(digest, accepted) for accepted in self._accepted) > 0


def _digest(pair: bytes) -> bytes:
    return hashlib.sha256(pair).digest()
