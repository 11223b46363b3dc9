"""Delivers a function's answer to the address the caller named, and to no address it must not reach.

A callback makes the gateway send a request on a stranger's behalf, so loopback, link-local
(where clouds keep their credentials), private and unspecified addresses are refused unless
the operator allowed the host. The name is resolved once and the connection made to that very
address: a name that changes its mind between check and use gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from urllib.parse import urlsplit

import urllib3

from faas_runtime.gateway.queue.calls import USER_AGENT
from faas_runtime.gateway.queue.model import Answer, Claim

log = logging.getLogger("faas.queue")

_ATTEMPTS = 4
_FIRST_PAUSE = 1.0
_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "trailer", "host"})


class CallbackRefused(Exception):
    """The address is not one the gateway may call; the message says why."""


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
    """Posts answers to callback addresses, with retries of its own."""

    def __init__(self, allowed_hosts: frozenset[str] = frozenset(), *, timeout: float = 30.0) -> None:
        """`allowed_hosts` may be called whatever their address is; `timeout` is seconds for one attempt."""
        self._allowed, self._timeout = allowed_hosts, timeout

    async def deliver(self, claim: Claim, answer: Answer) -> None:
        """Post the answer; give up, with a line in the log, after four attempts."""
        for attempt in range(_ATTEMPTS):
            try:
                status = await asyncio.to_thread(self._post, claim, answer, attempt)
                if status < 500:
                    log.info("callback of %s answered %d", claim.call.call_id, status)
                    return
                problem = f"it answered {status}"
            except CallbackRefused as refusal:
                log.warning("callback of %s refused: %s", claim.call.call_id, refusal)
                return
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problem = str(error)
            await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
        log.warning("callback of %s to %s failed: %s", claim.call.call_id, claim.call.callback, problem)

    def address_of(self, host: str, port: int) -> str:
        """The address to connect to. Raises CallbackRefused for one the gateway must not reach."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise CallbackRefused(f"`{host}` cannot be resolved: {error}") from error
        address = str(found[0][4][0])
        if host not in self._allowed and not _is_public(address):
            raise CallbackRefused(
                f"`{host}` is {address}, which is not a public address; allow it with --callback-host"
            )
        return address

    def _post(self, claim: Claim, answer: Answer, attempt: int) -> int:
        check_url(claim.call.callback)
        parts = urlsplit(claim.call.callback)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        address = self.address_of(host, port)
        timeout = urllib3.Timeout(self._timeout)
        pool: urllib3.HTTPConnectionPool
        if secure:
            pool = urllib3.HTTPSConnectionPool(
                address, port, timeout=timeout, retries=False, server_hostname=host, assert_hostname=host
            )
        else:
            pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with pool:
            headers = {**_headers(claim, answer, attempt), "Host": parts.netloc}
            return pool.urlopen("POST", target, body=answer.body, headers=headers, redirect=False).status


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_global


def _headers(claim: Claim, answer: Answer, attempt: int) -> dict[str, str]:
    headers = {name: value for name, value in answer.headers if name.lower() not in _DROPPED}
    headers |= {
        "X-Call-Id": claim.call.call_id,
        "X-Duration-Seconds": f"{answer.seconds:.6f}",
        "X-Function-Status": str(answer.status or 503),
        "X-Function-Name": str(claim.call.key),
        "X-Retry": str(attempt),
        "User-Agent": USER_AGENT,
    }
    return headers
