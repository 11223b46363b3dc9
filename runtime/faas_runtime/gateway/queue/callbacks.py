"""Delivers the result of an asynchronous call to its callback URL, except to addresses the gateway must not reach.

A callback makes the gateway send a request on a stranger's behalf, so loopback, link-local
(where clouds keep their credentials), private and unspecified addresses are refused unless
the operator allowed the host. The name is resolved once and the connection made to that very
address, so that a name whose address changes between check and use gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from functools import cache
from urllib.parse import quote, urlsplit

from faas_runtime.core.http import Address, HttpFailure, request
from faas_runtime.gateway.queue.calls import USER_AGENT
from faas_runtime.gateway.queue.model import CallResult, Claim

log = logging.getLogger("faas.queue")

_ATTEMPTS = 4
_FIRST_PAUSE = 1.0
_RESOLVE_TIMEOUT = 2.0
"""Seconds that a caller waits for the callback's host to be resolved."""
_MAX_READ_BYTES = 64 * 1024
"""Nothing is done with the response's body; it is read so that its sender sees no broken connection."""
_SAFE = "!#$%&'()*+,/:;=?@[]~"
"""All that may stand in a path and a query, `%` included: what is escaped stays as it is."""
_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "trailer", "host"})


class CallbackRefused(Exception):
    """The gateway may not call the address; the message has the reason."""


class HostUnknown(CallbackRefused):
    """The host's name cannot be resolved now; that may pass."""


def check_url(url: str) -> None:
    """Raise CallbackRefused unless `url` is an absolute http(s) URL without credentials."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise CallbackRefused(f"`{url}` is not an absolute http or https URL")
    if parts.username or parts.password:
        raise CallbackRefused("a callback URL must not carry credentials")


class Callbacks:
    """Posts results to callback addresses, with retries of its own."""

    def __init__(self, allowed_hosts: frozenset[str] = frozenset(), *, timeout: float = 30.0) -> None:
        """`allowed_hosts` may be called whatever their address is; `timeout` is seconds for one attempt."""
        self._allowed, self._timeout = allowed_hosts, timeout

    async def deliver(self, claim: Claim, result: CallResult) -> None:
        """Post the result; give up, with a line in the log, after four attempts."""
        for attempt in range(_ATTEMPTS):
            try:
                async with asyncio.timeout(self._timeout):
                    status = await self._post(claim, result, attempt)
                if status < 500:
                    log.info("callback of %s answered %d", claim.call.call_id, status)
                    return
                problem = f"it answered {status}"
            except CallbackRefused as refusal:
                log.warning("callback of %s refused: %s", claim.call.call_id, refusal)
                return
            except TimeoutError:
                problem = f"no response within {self._timeout:g} s"
            except HttpFailure as failure:
                problem = str(failure)
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
        log.warning("callback of %s to %s failed: %s", claim.call.call_id, claim.call.callback, problem)

    async def check(self, url: str) -> None:
        """Raise CallbackRefused for an address that no delivery would reach; a name that fails to resolve may pass."""
        check_url(url)
        parts = urlsplit(url)
        with contextlib.suppress(HostUnknown, TimeoutError):
            async with asyncio.timeout(_RESOLVE_TIMEOUT):
                await self.resolve(parts.hostname or "", parts.port or 80)

    async def resolve(self, host: str, port: int) -> str:
        """The address to connect to. Raises CallbackRefused for one the gateway must not reach."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise HostUnknown(f"`{host}` cannot be resolved: {error}") from error
        address = str(found[0][4][0])
        if host not in self._allowed and not _is_public(address):
            raise CallbackRefused(
                f"`{host}` is {address}, which is not a public address; allow it with --callback-host"
            )
        return address

    async def _post(self, claim: Claim, result: CallResult, attempt: int) -> int:
        check_url(claim.call.callback)
        parts = urlsplit(claim.call.callback)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        # The connection is made to the very address that was checked.
        address = Address(
            await self.resolve(host, port),
            port,
            tls=await asyncio.to_thread(_tls_context) if secure else None,
            server_name=host,
            host_header=parts.netloc,
        )
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)
        headers = _headers(claim, result, attempt)
        async with request(
            address, "POST", target, headers, result.body + result.rest, connect_timeout=self._timeout
        ) as response:
            await response.read(_MAX_READ_BYTES)
            return response.status


@cache
def _tls_context() -> ssl.SSLContext:
    """Blocking: reads the system's certificate authorities, once."""
    return ssl.create_default_context()


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global


def _headers(claim: Claim, result: CallResult, attempt: int) -> list[tuple[str, str]]:
    cut = {"X-Response-Truncated": str(len(result.body) + len(result.rest))} if result.truncated else {}
    ours = {
        **cut,
        "X-Call-Id": claim.call.call_id,
        "X-Duration-Seconds": f"{result.seconds:.6f}",
        "X-Function-Status": str(result.status or 503),
        "X-Function-Name": str(claim.call.key),
        "X-Retry": str(attempt),
        "User-Agent": USER_AGENT,
    }
    dropped = _DROPPED | {name.lower() for name in ours}
    return [*((name, value) for name, value in result.headers if name.lower() not in dropped), *ours.items()]
