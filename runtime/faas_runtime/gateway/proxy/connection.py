"""One client connection: finds requests in its bytes and runs them one after the other."""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from faas_runtime.gateway.proxy import answers
from faas_runtime.gateway.proxy.access_log import Entry
from faas_runtime.gateway.proxy.admission import Refusal, admit
from faas_runtime.gateway.proxy.cycle import RESPONDING, RequestCycle
from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.flow import PIPELINE_FULL, FlowControl
from faas_runtime.gateway.proxy.half_close import HalfClosed
from faas_runtime.gateway.proxy.request_head import RequestHead, find_head_end, parse_request
from faas_runtime.gateway.proxy.router import UnknownFunction
from faas_runtime.gateway.proxy.target import cleaned

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.context import ProxyContext


class Phase(Enum):
    """What a connection does now."""

    READING_HEAD = auto()
    IN_CYCLE = auto()
    LINGERING = auto()
    CLOSED = auto()


READING_HEAD, IN_CYCLE, LINGERING, CLOSED = Phase


class ClientConnection:
    """Lives as long as a client's socket. Pipelined requests wait in `_buffer` for their turn.

    It is an `asyncio.Protocol` by its methods alone: a class with a base that is not compiled is not compiled either.
    """

    __slots__ = (
        "_buffer",
        "_cycle",
        "_half_closed",
        "_parsing",
        "_partial",
        "_phase",
        "context",
        "flow",
        "forwarded",
        "inside",
        "peer",
        "transport",
        "trusted",
    )

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, context: ProxyContext, inside: bool = False) -> None:
        # Shared state.
        self.context = context
        # Connection.
        self.forwarded = b""
        self.peer = ""
        self.trusted = False
        self.inside = inside
        self._phase = READING_HEAD
        self._parsing = False
        self._half_closed: HalfClosed | None = None
        # Present request.
        self._cycle: RequestCycle | None = None
        self._partial = bytearray()
        self._buffer = b""

    def protocol(self) -> asyncio.Protocol:
        """What the loop takes it for."""
        return cast(asyncio.Protocol, self)

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast(asyncio.Transport, transport)
        self.flow = FlowControl(transport)
        settings = self.context.settings
        transport.set_write_buffer_limits(high=settings.buffer_bytes)
        self._know_peer(transport)
        if len(self.context.connections) >= settings.max_connections:
            self._phase = CLOSED
            transport.write(answers.answer(503, "too many connections", close=True))
            transport.close()
            return
        self.context.connections.add(self)
        self.context.timeouts.idle.arm(self)
        if self.context.draining:
            self.drain()

    def _know_peer(self, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            host, port = peer[0], peer[1]
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self.trusted = self.context.trusts(host)
        else:
            # A Unix socket: whoever may open it is a proxy of this machine, or we ourselves.
            address = "unix"
            self.trusted = True
        self.peer = address
        scheme = "https" if transport.get_extra_info("ssl_object") is not None else "http"
        self.forwarded = f"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: {scheme}".encode()

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase is READING_HEAD:
            self._read_head(data)
        elif phase is IN_CYCLE:
            cycle = self._cycle
            assert cycle is not None
            if not cycle.request_complete:
                leftover = cycle.feed(data)
                if leftover:
                    self._queue(leftover)
            elif cycle.tunnel is not None:
                cycle.tunnel.send(data)
            else:
                self._queue(data)

    def eof_received(self) -> bool:
        cycle = self._cycle
        if cycle is None or not cycle.request_complete:
            return False
        if cycle.tunnel is not None:
            cycle.tunnel.client_finished()
            return True
        if not self.transport.can_write_eof():
            return False
        may_probe = cycle.head.http11 and cycle.stage is not RESPONDING
        self._half_closed = HalfClosed(self.context.loop, self.transport, may_probe)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._phase is CLOSED and self not in self.context.connections:
            return
        self._phase = CLOSED
        timeouts = self.context.timeouts
        for queue in (timeouts.idle, timeouts.head, timeouts.write, timeouts.linger, timeouts.drain):
            queue.disarm(self)
        self.context.left(self)
        if self._half_closed is not None:
            self._half_closed.stop()
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.client_gone()

    def pause_writing(self) -> None:
        self.context.timeouts.write.arm(self)
        if self._cycle is not None:
            self._cycle.client_paused()

    def resume_writing(self) -> None:
        self.context.timeouts.write.disarm(self)
        if self._cycle is not None:
            self._cycle.client_resumed()

    # Requests.

    def _read_head(self, data: bytes) -> None:
        """Find as many requests as can be started; usually one, whole, in one piece."""
        self._parsing = True
        try:
            while data and self._phase is READING_HEAD:
                data = self._start_request(data)
        except Malformed as bad:
            self._refuse(bad.status, bad.reason)
        finally:
            self._parsing = False
        if self._phase is IN_CYCLE:
            if data:
                self._queue(data)
        elif self._half_closed is not None and self._phase is READING_HEAD:
            self._finish(complete=True)

    def _start_request(self, data: bytes) -> bytes:
        """Start the request at the beginning of these bytes; returns what is behind it."""
        partial = self._partial
        settings = self.context.settings
        if partial:
            searched = max(len(partial) - 3, 0)
            partial += data
            end = find_head_end(partial, searched, settings.max_head_bytes)
            if end < 0:
                return b""
            data = bytes(partial)
            partial.clear()
            self.context.timeouts.head.disarm(self)
        else:
            if data.startswith(b"\r\n"):
                # One empty line before a request is forgiven, as the standard advises.
                data = data[2:]
            end = find_head_end(data, 0, settings.max_head_bytes)
            if end < 0:
                if data:
                    partial += data
                    self.context.timeouts.idle.disarm(self)
                    self.context.timeouts.head.arm(self)
                return b""
            self.context.timeouts.idle.disarm(self)
        return self._route(parse_request(data, end, settings.max_headers), data[end + 2 :])

    def _route(self, head: RequestHead, body: bytes) -> bytes:
        if head.method in (b"CONNECT", b"TRACE"):
            raise Malformed(f"{head.method.decode()} is not allowed here", 405)
        location = cleaned(head.path)
        if location is not None:
            # A redirect that keeps the method, except where 301 means the same.
            status = 301 if head.method in (b"GET", b"HEAD") else 308
            return self._answer(head, status, "", body, (b"Location: " + location + head.query,))
        try:
            backend, path = self.context.router.find(head.path)
        except UnknownFunction as unknown:
            return self._answer(head, 404, str(unknown), body)
        if backend.internal and not self.inside:
            return self._answer(head, 404, f"{backend.name} cannot be called from outside", body)
        admission = None
        if backend.auth and not self.inside:
            verdict = admit(self.context.guard, backend.auth, head, self.peer)
            if isinstance(verdict, Refusal):
                return self._answer(head, verdict.status, verdict.text, body, verdict.lines)
            admission = verdict
        self._phase = IN_CYCLE
        cycle = self._cycle = RequestCycle(self, head, backend, path)
        cycle.admission = admission
        return cycle.start(body)

    def _answer(self, head: RequestHead, status: int, text: str, body: bytes, lines: tuple[bytes, ...] = ()) -> bytes:
        """Answer a request that goes nowhere; the connection goes on if its body is here already."""
        complete = not head.chunked and len(body) >= head.length
        keep = head.keep_alive and complete and not self.context.draining
        self.write(answers.answer(status, text, lines=lines, close=not keep, head_only=head.method == b"HEAD"))
        self._log(status, head.method.decode(), (head.path + head.query).decode())
        if not keep:
            self._finish(complete)
            return b""
        self.context.timeouts.idle.arm(self)
        return body[max(head.length, 0) :]

    def _refuse(self, status: int, reason: str) -> None:
        """The bytes make no sense as a request: say so, and read no further."""
        self.write(answers.answer(status, reason, close=True))
        self._log(status, "-", "-")
        self._finish(complete=False)

    def _log(self, status: int, method: str, target: str) -> None:
        """Log a request that never became a cycle."""
        log = self.context.access_log
        if log is not None:
            log.add(Entry(time.time_ns(), self.peer, method, target, "", "", status, 0.0, 0, ""))

    def _queue(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > self.context.settings.buffer_bytes:
            self.flow.pause(PIPELINE_FULL)

    # The cycle's side.

    def take_queued(self) -> bytes:
        """The bytes that came behind the present request; they belong to the tunnel it has become."""
        data, self._buffer = self._buffer, b""
        self.flow.resume(PIPELINE_FULL)
        return data

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self.transport.write(data)

    def write_eof(self) -> bool:
        """Tell the client that no more will come; False where the transport cannot."""
        if not self.transport.can_write_eof():
            return False
        self.transport.write_eof()
        return True

    def break_off(self) -> None:
        """End a response so that the client cannot take it for a whole one."""
        self._phase = CLOSED
        self.transport.abort()

    def cycle_over(self, cycle: RequestCycle) -> None:
        """The present request is done: go on with the next one, or close."""
        self._cycle = None
        if self._phase is not IN_CYCLE:
            return
        if not cycle.keep or not cycle.request_complete:
            self._finish(cycle.request_complete)
            return
        buffer, self._buffer = self._buffer, b""
        if self._half_closed is not None and not buffer:
            self._finish(complete=True)
            return
        self._phase = READING_HEAD
        self.context.timeouts.idle.arm(self)
        self.flow.resume(~0)
        if buffer and not self._parsing:
            self._read_head(buffer)
        elif buffer:
            self._buffer = buffer

    def _finish(self, complete: bool) -> None:
        """Send what is pending, then close; if the client still sends, let it see the answer first."""
        self._buffer = b""
        self.context.timeouts.head.disarm(self)
        self.context.timeouts.idle.disarm(self)
        if complete or not self.transport.can_write_eof():
            self._close()
            return
        self._phase = LINGERING
        self.flow.resume(~0)
        self.transport.write_eof()
        self.context.timeouts.linger.arm(self)

    def _close(self) -> None:
        """Close once everything written has been taken, or `write_timeout` is over."""
        self._phase = CLOSED
        if self.transport.get_write_buffer_size():
            self.context.timeouts.write.arm(self)
        self.transport.close()

    # Timeouts.

    def idle_expired(self) -> None:
        """No request came."""
        self._close()

    def head_expired(self) -> None:
        """The head did not come to its end in time."""
        self._refuse(408, "the request's head took too long")

    def write_expired(self) -> None:
        """The client takes nothing more: what is left cannot be delivered."""
        self.transport.abort()

    def linger_expired(self) -> None:
        """It still sends: it has had its chance to see the answer."""
        self.transport.abort()

    def drain_expired(self) -> None:
        """The proxy stops and nothing has come since."""
        if self._phase is READING_HEAD and not self._partial:
            self._finish(complete=True)

    # Stopping.

    def drain(self) -> None:
        """Close after the present response, or soon: a request may be on its way."""
        if self._phase is READING_HEAD:
            self.context.timeouts.drain.arm(self)
        elif self._cycle is not None:
            self._cycle.keep = False
