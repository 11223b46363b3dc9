"""One client connection: finds requests in its bytes and runs them one after the other."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import cast

from faas_runtime.gateway.auth.failures import client_host
from faas_runtime.gateway.auth.function_auth import Admission, Refusal, unauthorized
from faas_runtime.gateway.proxy.context import ProxyContext
from faas_runtime.gateway.proxy.cycle import RESPONDING, RequestCycle
from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.half_close import HalfClosed
from faas_runtime.gateway.proxy.interfaces import PIPELINE_FULL, ClientSide, FlowControl
from faas_runtime.gateway.proxy.request_head import RequestHead, find_head_end, parse_request
from faas_runtime.gateway.proxy.response_writer import text_response
from faas_runtime.gateway.proxy.router import UnknownFunction
from faas_runtime.gateway.proxy.target import cleaned


class Phase(Enum):
    """What a connection is doing."""

    READING_HEAD = auto()
    IN_CYCLE = auto()
    LINGERING = auto()
    CLOSED = auto()


READING_HEAD, IN_CYCLE, LINGERING, CLOSED = Phase


_NOT_CONTROL = (b"/async-function/", b"/healthz")
"""What the control API answers for clients of functions."""


class ClientConnection(ClientSide):
    """Lives as long as a client's socket. Pipelined requests wait in `_buffer`.

    It has the methods of `asyncio.Protocol` without deriving from it: mypyc cannot compile a class with such a base.
    """

    __slots__ = (
        "_buffer",
        "_context",
        "_cycle",
        "_functions_only",
        "_half_closed",
        "_internal",
        "_parsing",
        "_partial",
        "_phase",
        "_transport",
    )

    _transport: asyncio.Transport

    def __init__(self, context: ProxyContext, internal: bool = False, functions_only: bool = False) -> None:
        # Shared state.
        self._context = context
        # Connection.
        self.forwarded = b""
        self.peer = ""
        self.trusted = False
        self.served_by = context.served_by if functions_only else context.sandboxed_by
        self._functions_only = functions_only
        self._internal = internal
        self._phase = READING_HEAD
        self._parsing = False
        self._half_closed: HalfClosed | None = None
        # Current request.
        self._cycle: RequestCycle | None = None
        self._partial = bytearray()
        self._buffer = b""

    def protocol(self) -> asyncio.Protocol:
        """This object, as the event loop's type."""
        return cast(asyncio.Protocol, self)

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        self.flow = FlowControl(transport)
        settings = self._context.settings
        transport.set_write_buffer_limits(high=settings.buffer_bytes)
        self._identify_peer(transport)
        if len(self._context.connections) >= settings.max_connections:
            self._phase = CLOSED
            transport.write(text_response(503, "too many connections", close=True))
            transport.close()
            return
        self._context.connections.add(self)
        self._context.timeouts.idle.arm(self)
        if self._context.draining:
            self.drain()

    def _identify_peer(self, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            host, port = peer[0], peer[1]
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self.trusted = self._context.trusts(host)
        else:
            # A Unix socket: whoever may open it is a proxy on this machine, or this gateway.
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
            if not cycle.request.complete:
                leftover = cycle.feed(data)
                if leftover:
                    self._queue(leftover)
            elif cycle.tunnel is not None:
                cycle.tunnel.send(data)
            else:
                self._queue(data)

    def eof_received(self) -> bool:
        cycle = self._cycle
        if cycle is None or not cycle.request.complete:
            return False
        if cycle.tunnel is not None:
            cycle.tunnel.client_eof()
            return True
        if not self._transport.can_write_eof():
            return False
        may_probe = cycle.call.head.http11 and cycle.stage is not RESPONDING
        self._half_closed = HalfClosed(self._context.loop, self._transport, may_probe)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._phase is CLOSED and self not in self._context.connections:
            return
        self._phase = CLOSED
        self._context.timeouts.disarm(self)
        self._context.remove(self)
        if self._half_closed is not None:
            self._half_closed.stop()
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.client_gone()

    def pause_writing(self) -> None:
        self._context.timeouts.write.arm(self)
        if self._cycle is not None:
            self._cycle.client_paused()

    def resume_writing(self) -> None:
        self._context.timeouts.write.disarm(self)
        if self._cycle is not None:
            self._cycle.client_resumed()

    # Requests.

    def _read_head(self, data: bytes) -> None:
        """Start as many requests as possible; usually one, which arrives in one piece."""
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
        """Start the request at the beginning of these bytes; returns the bytes after it."""
        partial = self._partial
        settings = self._context.settings
        if partial:
            searched = max(len(partial) - 3, 0)
            partial += data
            end = find_head_end(partial, searched, settings.max_head_bytes)
            if end < 0:
                return b""
            data = bytes(partial)
            partial.clear()
            self._context.timeouts.head.disarm(self)
        else:
            if data.startswith(b"\r\n"):
                # One empty line before a request is accepted, as the standard advises.
                data = data[2:]
            end = find_head_end(data, 0, settings.max_head_bytes)
            if end < 0:
                if data:
                    partial += data
                    self._context.timeouts.idle.disarm(self)
                    self._context.timeouts.head.arm(self)
                return b""
            self._context.timeouts.idle.disarm(self)
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
            backend, path = self._context.router.find(head.path)
        except UnknownFunction as unknown:
            return self._answer(head, 404, str(unknown), body)
        if self._functions_only and backend.meter is None and not head.path.startswith(_NOT_CONTROL):
            return self._answer(head, 404, "the control API has an address of its own", body)
        if backend.internal and not self._internal:
            return self._answer(head, 404, f"{backend.name} cannot be called from outside", body)
        admission = None
        if backend.auth and not self._internal:
            verdict = self._admit(backend.auth, head)
            if isinstance(verdict, Refusal):
                return self._answer(head, verdict.status, verdict.text, body, verdict.lines)
            admission = verdict
        elif head.authorization and backend.meter is not None and self._context.guard is not None:
            # A browser, or a careless client, sends the gateway's password along: it is none of the function's.
            head.drop_authorization(self._context.guard.is_account)
        self._phase = IN_CYCLE
        cycle = self._cycle = RequestCycle(self, self._context, head, backend, path)
        return cycle.start(body, admission)

    def _admit(self, rule: str, head: RequestHead) -> Refusal | Admission | None:
        """None if the call is allowed at once. The function never receives the credentials."""
        guard = self._context.guard
        if guard is None:
            return unauthorized(rule)
        site = head.value(b"sec-fetch-site")
        return guard.admit(rule, head.take_authorization(), site, self._client_host(head))

    def _client_host(self, head: RequestHead) -> str:
        """Where the call really came from: a trusted proxy tells."""
        if head.forwarded is None or not self.trusted:
            return client_host(self.peer)
        lines = [line.partition(b":") for line in head.forwarded]
        told = [value.decode("latin-1") for name, _, value in lines if name.lower() == b"x-forwarded-for"]
        return client_host(",".join(told) or self.peer, self._context.trusts)

    def _answer(self, head: RequestHead, status: int, text: str, body: bytes, lines: tuple[bytes, ...] = ()) -> bytes:
        """Answer a request without a backend; the connection stays open if its body has already arrived."""
        complete = not head.chunked and len(body) >= head.length
        keep = head.keep_alive and complete and not self._context.draining
        self.write(text_response(status, text, lines=lines, close=not keep, head_only=head.method == b"HEAD"))
        self._context.recorder.refused(self.peer, status, head.method.decode(), (head.path + head.query).decode())
        if not keep:
            self._finish(complete)
            return b""
        self._context.timeouts.idle.arm(self)
        return body[max(head.length, 0) :]

    def _refuse(self, status: int, reason: str) -> None:
        """The bytes are not a request: answer, and read no further."""
        self.write(text_response(status, reason, close=True))
        self._context.recorder.refused(self.peer, status)
        self._finish(complete=False)

    def _queue(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > self._context.settings.buffer_bytes:
            self.flow.pause(PIPELINE_FULL)

    # The call's side.

    def take_queued(self) -> bytes:
        data, self._buffer = self._buffer, b""
        self.flow.resume(PIPELINE_FULL)
        return data

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def write_eof(self) -> bool:
        if not self._transport.can_write_eof():
            return False
        self._transport.write_eof()
        return True

    def abort(self) -> None:
        self._phase = CLOSED
        self._transport.abort()

    def call_ended(self, request_complete: bool, keep_alive: bool) -> None:
        self._cycle = None
        if self._phase is not IN_CYCLE:
            return
        if not keep_alive or not request_complete:
            self._finish(request_complete)
            return
        buffer, self._buffer = self._buffer, b""
        if self._half_closed is not None and not buffer:
            self._finish(complete=True)
            return
        self._phase = READING_HEAD
        self._context.timeouts.idle.arm(self)
        self.flow.resume(~0)
        if buffer and not self._parsing:
            self._read_head(buffer)
        elif buffer:
            self._buffer = buffer

    def _finish(self, complete: bool) -> None:
        """Send what is pending, then close; a client that still sends gets time to read the response first."""
        self._buffer = b""
        self._context.timeouts.head.disarm(self)
        self._context.timeouts.idle.disarm(self)
        if complete or not self._transport.can_write_eof():
            self._close()
            return
        self._phase = LINGERING
        self.flow.resume(~0)
        self._transport.write_eof()
        self._context.timeouts.linger.arm(self)

    def _close(self) -> None:
        """Close once the client has received everything, or after `write_timeout`."""
        self._phase = CLOSED
        if self._transport.get_write_buffer_size():
            self._context.timeouts.write.arm(self)
        self._transport.close()

    # Timeouts.

    def idle_expired(self) -> None:
        self._close()

    def head_expired(self) -> None:
        self._refuse(408, "the request's head took too long")

    def write_expired(self) -> None:
        self._transport.abort()

    def linger_expired(self) -> None:
        self._transport.abort()

    def drain_expired(self) -> None:
        if self._phase is READING_HEAD and not self._partial:
            self._finish(complete=True)

    # Stopping.

    def drain(self) -> None:
        if self._phase is READING_HEAD:
            self._context.timeouts.drain.arm(self)
        elif self._cycle is not None:
            self._cycle.response.keep_alive = False
