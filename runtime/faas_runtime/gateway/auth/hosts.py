"""Which host names a request without credentials may be for: the defence against DNS rebinding.

A web page's own name can be made to resolve to this machine. To the browser the gateway is then the page's own site, so
that the page may send any request and read the responses; the name in `Host` gives it away. Addresses, `localhost`
and names without a dot cannot be a web page's.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from faas_runtime.core.addresses import ip_or_none


class KnownHostsOnly:
    """ASGI middleware that answers 403 to requests for a host, or from a page of a host, that is not known."""

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        """`allowed` are further names."""
        self._app = app
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            for authority in (headers.get("host", ""), _authority(headers.get("origin", ""))):
                if authority and not self._is_known(authority):
                    text = f"requests for the host `{authority[:100]}` are refused; `--allowed-host` allows one"
                    await PlainTextResponse(text, 403)(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _is_known(self, authority: str) -> bool:
        try:
            host = (urlsplit(f"//{authority}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return (
            host in self._allowed
            or ("." not in host and ":" not in host)
            or host.endswith(".localhost")
            or ip_or_none(host) is not None
        )


def _authority(origin: str) -> str:
    # `null` is the origin of pages that have none; the check of foreign sites refuses their changes.
    return origin.partition("://")[2]
