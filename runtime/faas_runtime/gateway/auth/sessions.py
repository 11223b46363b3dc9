"""Sessions of the dashboard: a cookie that no script and no function sees, instead of a password that browsers keep.

A browser sends a saved password to every page of an address, functions' pages included. The cookie is for the paths of
the control API only.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from faas_runtime.gateway.auth.accounts import digest

COOKIE = "faas-session"
LOGIN_PATH = "/ui/login"
LOGOUT_PATH = "/ui/logout"
SESSION_TIMEOUT = 12 * 3600.0
"""Seconds after which one has to log in again."""
MAX_FORM_BYTES = 8192
_PATHS = ("/system", "/ui")
_MAX_SESSIONS = 1000
_STYLE = (
    "body{font:1rem system-ui;max-width:20rem;margin:15vh auto;padding:1rem;color-scheme:light dark}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}"
    "input,button{margin:.25rem 0 .75rem}"
)
LOGIN_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Sessions:
    """The sessions of one control plane; a restart ends them. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def start(self, pair: bytes) -> str:
        """Start a session of the account `USER:PASSWORD`; returns its token."""
        token = secrets.token_urlsafe(32)
        self._known[digest(token.encode())] = (self._clock() + SESSION_TIMEOUT, pair)
        if len(self._known) > _MAX_SESSIONS:
            self._known.popitem(last=False)
        return token

    def pair(self, cookies: str) -> bytes | None:
        """The `USER:PASSWORD` of the session in a `Cookie` header; None where there is none."""
        end, pair = self._known.get(_key(cookies), (0.0, b""))
        return pair if self._clock() < end else None

    def end(self, cookies: str) -> None:
        """End the session in a `Cookie` header."""
        self._known.pop(_key(cookies), None)


def _key(cookies: str) -> bytes:
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        morsel = None
    return digest(morsel.value.encode()) if morsel is not None else b""


def cookie_lines(token: str, secure: bool) -> list[tuple[str, str]]:
    """The headers that give a browser a session, or take it away (no token)."""
    more = "; Secure" if secure else ""
    age = f"; Max-Age={SESSION_TIMEOUT:.0f}" if token else "; Max-Age=0"
    return [("Set-Cookie", f"{COOKIE}={token}; Path={path}; HttpOnly; SameSite=Strict{age}{more}") for path in _PATHS]


def login_page(problem: str = "") -> str:
    """The page that asks for user and password; `problem` is a fixed text of the gateway's."""
    note = f"<p role=alert>{problem}</p>" if problem else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>faas: log in</title><style>{_STYLE}</style>"
        f'<h1>faas</h1>{note}<form method=post action="{LOGIN_PATH}">'
        "<label>User <input name=user autocomplete=username value=admin required></label>"
        "<label>Password <input name=password type=password autocomplete=current-password required autofocus></label>"
        "<button>Log in</button></form></html>"
    )
