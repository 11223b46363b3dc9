"""What the two halves of a proxied call, client and replica, may ask of each other.

Base classes rather than protocols: compiled code calls their methods as fast as any other's.
"""

from __future__ import annotations

import asyncio

from faas_runtime.gateway.proxy.response_head import BodyKind, ResponseHead

PEER_FULL = 1
"""Reason to pause: the other side's write buffer is above its high-water mark."""
NO_REPLICA_YET = 2
"""Reason to pause: a request's body waits for a replica."""
PIPELINE_FULL = 4
"""Reason to pause: later requests wait for the response of the current one."""


class FlowControl:
    """Pauses reading from a transport while there is at least one reason to."""

    __slots__ = ("_reasons", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._reasons = 0

    @property
    def paused(self) -> bool:
        """Whether reading is paused."""
        return self._reasons != 0

    def pause(self, reason: int) -> None:
        """Pause reading for this reason."""
        if not self._reasons and not self._transport.is_closing():
            self._transport.pause_reading()
        self._reasons |= reason

    def resume(self, reason: int) -> None:
        """Drop this reason; reading resumes if it was the last one."""
        if not self._reasons & reason:
            return
        self._reasons &= ~reason
        if not self._reasons and not self._transport.is_closing():
            self._transport.resume_reading()


class ClientSide:
    """A client's connection, as the calls on it and the proxy's timers see it.

    `peer` is the client's address with its port, `forwarded` the header lines that pass it on;
    `trusted` says whether the client's own `X-Forwarded-*` headers are kept, `served_by` holds the header lines
    that name the gateway.
    """

    __slots__ = ("flow", "forwarded", "peer", "served_by", "trusted")

    flow: FlowControl
    forwarded: bytes
    peer: str
    served_by: bytes
    trusted: bool

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""

    def write_eof(self) -> bool:
        """End the stream to the client; False where the transport cannot end one direction only."""
        raise NotImplementedError

    def take_queued(self) -> bytes:
        """Remove and return the bytes received after the current request."""
        raise NotImplementedError

    def abort(self) -> None:
        """Cut the connection, so that the client cannot mistake a partial response for a complete one."""

    def call_ended(self, request_complete: bool, keep_alive: bool) -> None:
        """The current call has ended: go on with the next request, or close."""

    def drain(self) -> None:
        """Close after the current response, or soon: a request may be on its way."""

    def idle_expired(self) -> None:
        """No request arrived within `idle_timeout`."""

    def head_expired(self) -> None:
        """A request's head was not complete within `head_timeout`."""

    def write_expired(self) -> None:
        """The client accepted no bytes for `write_timeout`."""

    def linger_expired(self) -> None:
        """A refused upload did not end within `linger_timeout`."""

    def drain_expired(self) -> None:
        """The proxy stops, and `drain_timeout` has passed since."""


class CallSide:
    """A call, as its connection to a replica and the proxy's timers see it."""

    __slots__ = ()

    def informational(self, head: ResponseHead) -> None:
        """An interim (1xx) response has arrived."""

    def response_started(self, head: ResponseHead, kind: BodyKind) -> None:
        """The head of the final response has arrived. It is sent together with the first bytes of the body."""

    def relay(self, data: bytes) -> None:
        """Bytes of the response's body have arrived."""

    def flush(self) -> None:
        """Nothing more has arrived for now: send what was held back."""

    def response_ended(self, trailers: list[bytes]) -> None:
        """The response is complete."""

    def upstream_eof(self) -> None:
        """The replica will send no more through its tunnel."""

    def upstream_lost(self) -> None:
        """The connection to the replica broke before the response was complete."""

    def upstream_failed(self, what: str) -> None:
        """The replica did something from which the call cannot recover."""

    def upstream_paused(self) -> None:
        """The replica cannot accept more of the request for now."""

    def upstream_resumed(self) -> None:
        """The replica accepts more of the request again."""

    def tunnel_ended(self) -> None:
        """One side of a tunnel has closed, or both were silent for `tunnel_idle_timeout`."""

    def read_expired(self) -> None:
        """No bytes of the request's body arrived for `read_timeout`."""

    def call_expired(self) -> None:
        """The call was not complete within its timeout."""
