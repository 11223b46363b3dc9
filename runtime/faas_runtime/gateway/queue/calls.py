"""Makes one queued call through the proxy, so that it is counted, scaled and limited like any other."""

from __future__ import annotations

import time

from faas_runtime.core.http import Address, HttpFailure, request
from faas_runtime.gateway.queue.model import CallResult, Claim

# Hop-by-hop fields, and those that this client or the proxy sets.
_NOT_FORWARDED = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
        "expect",
        "user-agent",
        "x-start-time",
    }
)
USER_AGENT = "faas-queue"


_CONNECT_TIMEOUT = 5.0
MAX_CALLBACK_BYTES = 16 * 1024 * 1024
"""Maximum size of a response that is delivered whole to a callback."""


class FunctionCaller:
    """Calls functions at the gateway's own address."""

    def __init__(self, gateway: str, *, read_timeout: float, max_kept_bytes: int = 1_000_000) -> None:
        """`gateway` is `unix:` and the path of its socket, or a URL; `read_timeout` the longest silence in seconds;
        of longer responses than `max_kept_bytes` only the beginning is kept, a callback gets them whole."""
        path = gateway.removeprefix("unix:")
        self._address = Address("gateway", 80, unix=path) if path != gateway else Address.of(gateway)
        self._read_timeout, self._max_kept_bytes = read_timeout, max_kept_bytes

    async def __call__(self, claim: Claim) -> CallResult:
        """Make the call; a call that fails is a result with status 0 and the reason."""
        call, kept = claim.call, self._max_kept_bytes
        limit = max(kept, MAX_CALLBACK_BYTES) if call.callback else kept
        target = f"/function/{call.key}{call.path}" + (f"?{call.query}" if call.query else "")
        headers = [pair for pair in call.headers if pair[0].lower() not in _NOT_FORWARDED]
        headers.append(("User-Agent", USER_AGENT))
        started = time.monotonic()
        try:
            async with request(
                self._address,
                "POST",
                target,
                headers,
                call.body,
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=self._read_timeout,
            ) as response:
                body = await response.read(limit)
        except HttpFailure as failure:
            return CallResult(0, reason=f"the call failed: {failure}", seconds=time.monotonic() - started)
        reason = "" if len(body) <= kept else f"only the first {kept} bytes of the response were kept"
        return CallResult(
            response.status,
            tuple(response.headers),
            body[:kept],
            reason,
            time.monotonic() - started,
            rest=body[kept:limit],
            truncated=len(body) > limit,
        )
