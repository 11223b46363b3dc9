"""One connection to a replica: sends a request's bytes, takes its response apart."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.flow import FlowControl
from faas_runtime.gateway.proxy.framing import ChunkedDecoder
from faas_runtime.gateway.proxy.response_head import find_response_end, parse_response
from faas_runtime.gateway.proxy.settings import ProxySettings

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.cycle import RequestCycle
    from faas_runtime.gateway.proxy.pool import EndpointPool


class BodyKind(Enum):
    """How the end of a response's body is found."""

    NO_BODY = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()
    TUNNELLED = auto()


# Looking a member up in its class costs several times the comparison it is for.
NO_BODY, LENGTH, CHUNKED, UNTIL_CLOSE, TUNNELLED = BodyKind


class UpstreamConnection:
    """A pooled connection. It belongs to one request cycle at a time, or to none while idle.

    It is an `asyncio.Protocol` by its methods alone: a class with a base that is not compiled is not compiled either.
    """

    __slots__ = (
        "_buffer",
        "_decoder",
        "_informational",
        "_keep",
        "_kind",
        "_remaining",
        "_settings",
        "_write_eof",
        "cycle",
        "flow",
        "idle_since",
        "paused",
        "pool",
        "reused",
        "transport",
        "usable",
    )

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, pool: EndpointPool, settings: ProxySettings) -> None:
        # Connection.
        self.pool = pool
        self._settings = settings
        self.usable = False
        self.reused = False
        self.idle_since = 0.0
        self.paused = False
        self._write_eof = False
        # Present request.
        self.cycle: RequestCycle | None = None
        self._buffer = b""
        self._kind: BodyKind | None = None
        self._decoder: ChunkedDecoder | None = None
        self._remaining = 0
        self._keep = False
        self._informational = 0

    def protocol(self) -> asyncio.Protocol:
        """What the loop takes it for."""
        return cast(asyncio.Protocol, self)

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._settings.buffer_bytes)
        self.flow = FlowControl(self.transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        if cycle is None:
            # Nobody asked: whatever this is, it must not become the next call's answer.
            self.abort()
            return
        try:
            if self._kind is None:
                self._read_head(cycle, self._buffer + data if self._buffer else data)
            else:
                self._read_body(cycle, data)
        except Malformed as bad:
            self.usable = False
            cycle.upstream_failed(f"sent a malformed response ({bad.reason})")

    def eof_received(self) -> bool:
        cycle = self.cycle
        self.usable = False
        if cycle is not None and self._kind is UNTIL_CLOSE:
            cycle.response_end([])
        elif cycle is not None and self._kind is TUNNELLED:
            assert cycle.tunnel is not None
            cycle.tunnel.upstream_finished()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        cycle = self.cycle
        if cycle is None:
            self.pool.forget(self)
        elif self._kind is UNTIL_CLOSE and exc is None:
            cycle.response_end([])
        elif self._kind is TUNNELLED:
            cycle.tunnel_over()
        else:
            cycle.upstream_lost()

    def pause_writing(self) -> None:
        self.paused = True
        if self.cycle is not None:
            self.cycle.upstream_paused()

    def resume_writing(self) -> None:
        self.paused = False
        if self.cycle is not None:
            self.cycle.upstream_resumed()

    # The cycle's side.

    def begin(self, cycle: RequestCycle, data: bytes) -> None:
        """Send a request's head, with what there is of its body, on behalf of a cycle."""
        self.cycle = cycle
        self._kind = None
        self._informational = 0
        self.transport.write(data)

    def release(self) -> None:
        """The cycle is over: back into the pool if both messages ended cleanly, else closed."""
        self.cycle = None
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
        """Whether any byte of a response has come."""
        return self._kind is not None or bool(self._buffer) or self._informational > 0

    def mark_unusable(self) -> None:
        """Do not use this connection again after the present call."""
        self.usable = False

    def close(self) -> None:
        """Close an idle connection."""
        self.usable = False
        self.transport.close()

    def abort(self) -> None:
        """Cut the connection now."""
        self.usable = False
        self.transport.abort()

    def idle_expired(self) -> None:
        """It has been idle for too long."""
        self.pool.forget(self)
        self.close()

    # The response.

    def _read_head(self, cycle: RequestCycle, data: bytes) -> None:
        end = find_response_end(data, self._settings.max_head_bytes)
        if end < 0:
            self._buffer = data
            return
        self._buffer = b""
        head = parse_response(data, end, self._settings.max_headers)
        rest = data[end + 2 :]
        if head.status < 200 and not (head.status == 101 and cycle.head.upgrade):
            self._informational += 1
            if head.status == 101 or self._informational > self._settings.max_informational_responses:
                raise Malformed("an interim response nobody asked for")
            cycle.informational(head)
            if rest and self.cycle is cycle:
                self._read_head(cycle, rest)
            return
        self._keep = head.keep_alive
        if head.status == 101:
            self._kind = TUNNELLED
            self._keep = False
        elif head.bodiless or cycle.head.method == b"HEAD":
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
        cycle.respond(head, self._kind)
        if rest or self._kind is NO_BODY:
            self._read_body(cycle, rest)
        else:
            cycle.flush()

    def _read_body(self, cycle: RequestCycle, data: bytes) -> None:
        kind = self._kind
        if kind is LENGTH:
            extra = len(data) - self._remaining
            if extra < 0:
                self._remaining = -extra
                cycle.relay(data)
                return
            if extra:
                data, self._buffer = data[: self._remaining], data[self._remaining :]
            self._remaining = 0
            cycle.relay(data)
            cycle.response_end([])
        elif kind is CHUNKED:
            decoder = self._decoder
            assert decoder is not None
            for piece in decoder.feed(data):
                cycle.relay(piece)
            if decoder.done:
                self._buffer = decoder.leftover
                cycle.response_end(decoder.trailers)
            else:
                cycle.flush()
        elif kind is NO_BODY:
            self._buffer = data
            cycle.response_end([])
        else:
            cycle.relay(data)
