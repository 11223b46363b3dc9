"""Access to the control API: basic authentication, and no requests on behalf of other web sites."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from faas_runtime.gateway.auth.accounts import Account, Accounts, account_name, basic_pair
from faas_runtime.gateway.auth.failures import FailureCounter, client_host
from faas_runtime.gateway.auth.function_auth import BASIC, BLOCKED, unauthorized
from faas_runtime.gateway.auth.sessions import (
    LOGIN_HEADERS,
    LOGIN_PATH,
    LOGOUT_PATH,
    MAX_FORM_BYTES,
    Sessions,
    cookie_lines,
    login_page,
)
from faas_runtime.gateway.auth.users import UserFile

DASHBOARD_HEADER = "x-faas-dashboard"
"""Marks the dashboard's own requests."""
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
        self._sessions = Sessions(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["path"] in (LOGIN_PATH, LOGOUT_PATH):
            await (await self._log_in_or_out(Request(scope, receive)))(scope, receive, send)
            return
        session = self._sessions.pair(headers.get("cookie", "")) if "authorization" not in headers else None
        if session is not None and self._accounts.is_known(session):
            await self._app(scope, receive, send)
            return
        address = client_host(headers.get("x-forwarded-for", ""), self._trusts)
        given = basic_pair(headers.get("authorization", ""))
        refusal = unauthorized(BASIC)
        if given is not None and self._is_refused_unseen(given, address):
            refusal = BLOCKED
        elif given is not None and await self._accepts(given, address):
            await self._app(scope, receive, send)
            return
        if refusal.status == 401 and given is None and _is_browser_at(scope["path"], headers):
            await RedirectResponse(LOGIN_PATH, 303)(scope, receive, send)
            return
        # The dashboard shows its own login page: a challenge would make the browser ask, and keep the password.
        told = {} if refusal.status == 401 and DASHBOARD_HEADER in headers else dict([refusal.header])
        await PlainTextResponse(refusal.text, refusal.status, told)(scope, receive, send)

    async def _log_in_or_out(self, request: Request) -> Response:
        secure = request.headers.get("x-forwarded-proto", "") == "https"
        if request.method == "POST" and request.url.path == LOGOUT_PATH:
            self._sessions.end(request.headers.get("cookie", ""))
            return _with_cookies(Response(status_code=204), "", secure)
        if request.method == "GET" and request.url.path == LOGIN_PATH:
            return HTMLResponse(login_page(), headers=LOGIN_HEADERS)
        if request.method != "POST":
            return Response(status_code=405)
        pair = await _form_pair(request)
        address = client_host(request.headers.get("x-forwarded-for", ""), self._trusts)
        if self._is_refused_unseen(pair, address):
            return HTMLResponse(login_page("Too many wrong passwords: wait a minute."), 429, LOGIN_HEADERS)
        if not await self._accepts(pair, address):
            return HTMLResponse(login_page("Wrong user or password."), 401, LOGIN_HEADERS)
        return _with_cookies(RedirectResponse("/ui/", 303), self._sessions.start(pair), secure)

    async def _accepts(self, given: bytes, address: str) -> bool:
        """Whether the pair is right; a wrong one is counted."""
        account = account_name(given)
        if self._accounts.is_known(given):
            self._failures.succeeded(address, account)
            return True
        return await self._failures.check(address, lambda: self._accounts.accepts(given), account)

    def _is_refused_unseen(self, given: bytes, address: str) -> bool:
        """Whether too many guesses were wrong, or too many passwords are being checked."""
        if self._accounts.is_certain(given):
            return False
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


async def _form_pair(request: Request) -> bytes:
    """The `USER:PASSWORD` of a form; empty where it has none."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return b""
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    return f"{fields.get('user', [''])[0]}:{fields.get('password', [''])[0]}".encode()


def _with_cookies(response: Response, token: str, secure: bool) -> Response:
    for name, value in cookie_lines(token, secure):
        response.headers.append(name, value)
    return response


def _is_browser_at(path: str, headers: Headers) -> bool:
    """Whether somebody opens the dashboard; other clients, and other paths, get the challenge of the contract."""
    return path.startswith("/ui/") and "text/html" in headers.get("accept", "")


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
