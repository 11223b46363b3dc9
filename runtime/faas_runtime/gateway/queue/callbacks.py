"""Delivers the result of an asynchronous call to its callback URL, except to addresses the gateway must not reach.

A callback makes the gateway send a request on a stranger's behalf, so loopback, link-local
(where clouds keep their credentials), private and unspecified addresses are refused unless
the operator allowed the host. The name is resolved again for every delivery, all of its addresses are
checked, and the connection is made to one of these, so that a name whose address changes between check
and use gains nothing. Redirects are not followed.

A callback address may also be a host that accepts and never answers, or whose name server does: the number
of deliveries is limited, for each host and in total, and none of them holds a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections import Counter
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, urlsplit
from weakref import WeakValueDictionary

from faas_runtime.core.http import Address, HttpFailure, request
from faas_runtime.core.public_address import Resolver, TooManyLookups, is_public
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


class ResolverBusy(HostUnknown):
    """Too many names are being resolved."""


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


@dataclass(frozen=True, slots=True)
class CallbackLimits:
    """Bounds of the work that strangers' callback addresses can make."""

    concurrent: int = 256
    """Deliveries under way at once."""
    per_host: int = 8
    """Of these to one host."""
    waiting: int = 1000
    """Results that wait to be delivered; further ones are dropped."""
    waiting_per_host: int = 200
    """Of these for one host."""
    waiting_bytes: int = 256 << 20
    """Total size of the results that wait or are being delivered."""


class Callbacks:
    """Posts results to callback addresses, with retries of its own."""

    def __init__(
        self,
        allowed_hosts: frozenset[str] = frozenset(),
        *,
        timeout: float = 30.0,
        limits: CallbackLimits | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        """`allowed_hosts` may be called whatever their address is; `timeout` is seconds for one attempt."""
        self._allowed, self._timeout = allowed_hosts, timeout
        self._limits = limits or CallbackLimits()
        self._resolver = resolver or Resolver()
        self._under_way = asyncio.Semaphore(self._limits.concurrent)
        # By address: one host may have any number of names.
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._pending: Counter[str] = Counter()
        self._waiting = self._waiting_bytes = 0

    def close(self) -> None:
        """Resolve no more names."""
        self._resolver.close()

    async def deliver(self, claim: Claim, result: CallResult) -> None:
        """Post the result; give up, with a line in the log, after four attempts or where too many wait already."""
        size = len(result.body) + len(result.rest)
        if self._waiting >= self._limits.concurrent + self._limits.waiting:
            problem = f"dropped: {self._waiting} others wait"
        elif self._waiting_bytes + size > self._limits.waiting_bytes:
            problem = f"dropped: {self._waiting_bytes >> 20} MiB of results wait to be delivered"
        else:
            self._waiting += 1
            self._waiting_bytes += size
            try:
                problem = await self._deliver(claim, result)
            finally:
                self._waiting -= 1
                self._waiting_bytes -= size
        if problem:
            log.warning("callback of %s to %s %s", claim.call.call_id, claim.call.callback, problem)

    async def _deliver(self, claim: Claim, result: CallResult) -> str:
        """Why the result was not delivered; empty where it was."""
        problem = ""
        for attempt in range(_ATTEMPTS):
            try:
                status = await self._attempt(claim, result, attempt)
                if status < 500:
                    log.info("callback of %s answered %d", claim.call.call_id, status)
                    return ""
                problem = f"failed: it answered {status}"
            except ResolverBusy as busy:
                problem = f"failed: {busy}"
            except CallbackRefused as refusal:
                return f"refused: {refusal}"
            except TimeoutError:
                problem = f"failed: no response within {self._timeout:g} s"
            except HttpFailure as failure:
                problem = f"failed: {failure}"
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
        return problem

    async def _attempt(self, claim: Claim, result: CallResult, attempt: int) -> int:
        check_url(claim.call.callback)
        parts = urlsplit(claim.call.callback)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        async with asyncio.timeout(self._timeout):
            address = await self.resolve(parts.hostname or "", port)
        place = _place(address)
        if self._pending[place] >= self._limits.per_host + self._limits.waiting_per_host:
            raise CallbackRefused(f"{self._pending[place]} others wait for this host")
        self._pending[place] += 1
        try:
            # The host's turn first: those who wait for a slow host take no place from others.
            turn = self._turns.setdefault(place, asyncio.Semaphore(self._limits.per_host))
            async with turn, self._under_way, asyncio.timeout(self._timeout):
                return await self._post(claim, result, attempt, address)
        finally:
            self._pending[place] -= 1
            if not self._pending[place]:
                del self._pending[place]

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
            found = await self._resolver.addresses(host, port)
        except TooManyLookups as busy:
            raise ResolverBusy(f"`{host}` cannot be resolved: {busy}") from None
        except (OSError, UnicodeError) as error:
            raise HostUnknown(f"`{host}` cannot be resolved: {error}") from error
        inside = [each for each in found if not is_public(each)]
        if inside and host not in self._allowed:
            raise CallbackRefused(
                f"`{host}` is {inside[0]}, which is not a public address; allow it with --callback-host"
            )
        return found[0]

    async def _post(self, claim: Claim, result: CallResult, attempt: int, checked: str) -> int:
        parts = urlsplit(claim.call.callback)
        secure = parts.scheme == "https"
        # The connection is made to the very address that was checked.
        address = Address(
            checked,
            parts.port or (443 if secure else 80),
            tls=await asyncio.to_thread(_tls_context) if secure else None,
            server_name=parts.hostname or "",
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


def _place(address: str) -> str:
    """What limits are for: an IPv4 address, or the network of an IPv6 address, which has one owner."""
    found = ipaddress.ip_address(address)
    return str(int(found) >> 64) if found.version == 6 else address


def _headers(claim: Claim, result: CallResult, attempt: int) -> list[tuple[str, str]]:
    cut = {"X-Response-Truncated": str(len(result.body) + len(result.rest))} if result.truncated else {}
    ours = {
        **cut,
        "X-Call-Id": claim.call.public_id,
        "X-Faas-Call-Id": claim.call.call_id,
        "X-Duration-Seconds": f"{result.seconds:.6f}",
        "X-Function-Status": str(result.status or 503),
        "X-Function-Name": str(claim.call.key),
        "X-Retry": str(attempt),
        "User-Agent": USER_AGENT,
    }
    dropped = _DROPPED | {name.lower() for name in ours}
    return [*((name, value) for name, value in result.headers if name.lower() not in dropped), *ours.items()]
