"""One connection to a replica: sends a request's bytes, parses the response."""

from __future__ import annotations

import asyncio
from typing import cast

from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.framing import ChunkedDecoder
from faas_runtime.gateway.proxy.interfaces import CallSide, FlowControl
from faas_runtime.gateway.proxy.request_head import RequestHead
from faas_runtime.gateway.proxy.response_head import (
    CHUNKED,
    LENGTH,
    NO_BODY,
    TUNNELLED,
    UNTIL_CLOSE,
    BodyKind,
    find_response_end,
    parse_response,
)
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.providers.base import Endpoint


class ConnectionOwner:
    """The pool of one replica, as its connections see it. `prefix` is put before each path."""

    __slots__ = ("endpoint", "host_line", "prefix")

    endpoint: Endpoint
    host_line: bytes
    prefix: bytes

    def give_back(self, connection: UpstreamConnection) -> None:
        """A call has ended: keep its connection if it can be used again."""

    def forget(self, connection: UpstreamConnection) -> None:
        """An idle connection has closed."""


class UpstreamConnection:
    """A pooled connection. It serves one call at a time, or none while idle.

    It has the methods of `asyncio.Protocol` without deriving from it: mypyc cannot compile a class with such a base.
    """

    __slots__ = (
        "_buffer",
        "_decoder",
        "_head_only",
        "_informational",
        "_keep",
        "_kind",
        "_remaining",
        "_settings",
        "_upgrade",
        "call",
        "flow",
        "idle_since",
        "pool",
        "reused",
        "transport",
        "usable",
    )

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, pool: ConnectionOwner, settings: ProxySettings) -> None:
        # Connection.
        self.pool = pool
        self._settings = settings
        self.usable = False
        self.reused = False
        self.idle_since = 0.0
        # Current call.
        self.call: CallSide | None = None
        self._head_only = False
        self._upgrade = False
        self._buffer = b""
        self._kind: BodyKind | None = None
        self._decoder: ChunkedDecoder | None = None
        self._remaining = 0
        self._keep = False
        self._informational = 0

    def protocol(self) -> asyncio.Protocol:
        """This object, as the event loop's type."""
        return cast(asyncio.Protocol, self)

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._settings.buffer_bytes)
        self.flow = FlowControl(self.transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        call = self.call
        if call is None:
            # No request was sent: these bytes must not become the next call's response.
            self.abort()
            return
        try:
            if self._kind is None:
                self._read_head(call, self._buffer + data if self._buffer else data)
            else:
                self._read_body(call, data)
        except Malformed as bad:
            self.usable = False
            call.upstream_failed(f"sent a malformed response ({bad.reason})")

    def eof_received(self) -> bool:
        call = self.call
        self.usable = False
        if call is not None and self._kind is UNTIL_CLOSE:
            call.response_ended([])
        elif call is not None and self._kind is TUNNELLED:
            call.upstream_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        call = self.call
        if call is None:
            self.pool.forget(self)
        elif self._kind is UNTIL_CLOSE and exc is None:
            call.response_ended([])
        elif self._kind is TUNNELLED:
            call.tunnel_ended()
        else:
            call.upstream_lost()

    def pause_writing(self) -> None:
        if self.call is not None:
            self.call.upstream_paused()

    def resume_writing(self) -> None:
        if self.call is not None:
            self.call.upstream_resumed()

    # The call's side.

    def begin(self, call: CallSide, head: RequestHead, data: bytes) -> None:
        """Send a request's bytes: its head, and what there is of its body."""
        self.call = call
        self._head_only = head.method == b"HEAD"
        self._upgrade = bool(head.upgrade)
        self._kind = None
        self._informational = 0
        self.transport.write(data)

    def release(self) -> None:
        """The call has ended: back into the pool if both messages were complete, else closed."""
        self.call = None
        self._decoder = None
        if not (self._keep and self.usable and not self._buffer):
            self.usable = False
            if self._kind is TUNNELLED:
                self.transport.close()
            else:
                self.transport.abort()
        self._keep = False
        self._buffer = b""
        self.reused = True
        self.flow.resume(~0)
        self.pool.give_back(self)

    @property
    def answered(self) -> bool:
        """Whether any byte of a response has arrived."""
        return self._kind is not None or bool(self._buffer) or self._informational > 0

    def close(self) -> None:
        """Close an idle connection."""
        self.usable = False
        self.transport.close()

    def abort(self) -> None:
        """Cut the connection now."""
        self.usable = False
        self.transport.abort()

    def idle_expired(self) -> None:
        """Idle for `upstream_idle_timeout`."""
        self.pool.forget(self)
        self.close()

    # The response.

    def _read_head(self, call: CallSide, data: bytes) -> None:
        end = find_response_end(data, self._settings.max_head_bytes)
        if end < 0:
            self._buffer = data
            return
        self._buffer = b""
        head = parse_response(data, end, self._settings.max_headers)
        rest = data[end + 2 :]
        if head.status < 200 and not (head.status == 101 and self._upgrade):
            self._informational += 1
            if head.status == 101 or self._informational > self._settings.max_informational_responses:
                raise Malformed("an unexpected interim response")
            call.informational(head)
            if rest and self.call is call:
                self._read_head(call, rest)
            return
        self._keep = head.keep_alive
        if head.status == 101:
            self._kind = TUNNELLED
            self._keep = False
        elif head.bodiless or self._head_only:
            self._kind = NO_BODY
        elif head.chunked:
            self._kind = CHUNKED
            self._decoder = ChunkedDecoder(self._settings.max_trailer_bytes)
        elif head.length >= 0:
            self._kind = LENGTH if head.length else NO_BODY
            self._remaining = head.length
        else:
            self._kind = UNTIL_CLOSE
            self._keep = False
        call.response_started(head, self._kind)
        if rest or self._kind is NO_BODY:
            self._read_body(call, rest)
        else:
            call.flush()

    def _read_body(self, call: CallSide, data: bytes) -> None:
        kind = self._kind
        if kind is LENGTH:
            extra = len(data) - self._remaining
            if extra < 0:
                self._remaining = -extra
                call.relay(data)
                return
            if extra:
                data, self._buffer = data[: self._remaining], data[self._remaining :]
            self._remaining = 0
            call.relay(data)
            call.response_ended([])
        elif kind is CHUNKED:
            decoder = self._decoder
            assert decoder is not None
            for piece in decoder.feed(data):
                call.relay(piece)
            if decoder.done:
                self._buffer = decoder.leftover
                call.response_ended(decoder.trailers)
            else:
                call.flush()
        elif kind is NO_BODY:
            self._buffer = data
            call.response_ended([])
        else:
            call.relay(data)
