"""Access to the control API: basic authentication, and no requests on behalf of other web sites."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from faas_runtime.gateway.auth.accounts import Account, Accounts, account_name, basic_pair
from faas_runtime.gateway.auth.failures import FailureCounter, client_host
from faas_runtime.gateway.auth.function_auth import BASIC, BLOCKED, unauthorized
from faas_runtime.gateway.auth.users import UserFile

OPEN_PATHS = frozenset({"/", "/healthz"})
"""Paths that need no account; function calls never come here."""
OPEN_PREFIXES = ("/async-function/",)


class BasicAuth:
    """ASGI middleware that answers 401 to requests without the user and password of an account."""

    def __init__(
        self,
        app: ASGIApp,
        accounts: tuple[Account, ...],
        users: UserFile | None = None,
        clock: Callable[[], float] = time.monotonic,
        failures: FailureCounter | None = None,
        trusts: Callable[[str], bool] | None = None,
    ) -> None:
        """`failures` counts those of function calls, too; `trusts` says whether an address is a trusted proxy's."""
        self._app = app
        self._accounts = Accounts(accounts, users)
        self._failures = failures or FailureCounter(clock)
        self._trusts = trusts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        address = client_host(headers.get("x-forwarded-for", ""), self._trusts)
        given = basic_pair(headers.get("authorization", ""))
        refusal = unauthorized(BASIC)
        if given is not None and self._is_refused_unseen(given, address):
            refusal = BLOCKED
        elif given is not None and await self._accepts(given, address):
            await self._app(scope, receive, send)
            return
        await PlainTextResponse(refusal.text, refusal.status, dict([refusal.header]))(scope, receive, send)

    async def _accepts(self, given: bytes, address: str) -> bool:
        """Whether the pair is right; a wrong one is counted."""
        account = account_name(given)
        if self._accounts.is_known(given):
            self._failures.succeeded(address, account)
            return True
        return await self._failures.check(address, lambda: self._accounts.accepts(given), account)

    def _is_refused_unseen(self, given: bytes, address: str) -> bool:
        """Whether too many guesses were wrong, or too many passwords are being checked."""
        if self._failures.is_blocked(address, account_name(given)):
            return True
        return self._failures.is_busy(address) and not self._accounts.is_known(given)


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
    """Whether the path needs no account."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def _changes(scope: Scope) -> bool:
    return scope["method"] not in ("GET", "HEAD") and not is_open(scope["path"])


def _is_foreign(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")  # browsers that send nothing more precise
    return origin is not None and urlsplit(origin).netloc != headers.get("host", "")
