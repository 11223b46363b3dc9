"""One request, from its head to the end of its response.

    WAITING ──▶ SENT ──▶ RESPONDING ──▶ OVER
       │          │           └──▶ TUNNEL ──▶ OVER
       └──────────┴── answered here, or the client has gone ──▶ OVER

A cycle is WAITING while no replica has been found, SENT once its head has gone out,
RESPONDING once a response's head has come. Each state is entered in one place.
"""

from __future__ import annotations

import asyncio
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from faas_runtime.gateway.proxy import answers
from faas_runtime.gateway.proxy.access_log import AccessLog, Entry
from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.flow import NO_REPLICA_YET, PEER_FULL
from faas_runtime.gateway.proxy.forwarding import CallHeaders, request_head
from faas_runtime.gateway.proxy.framing import last_chunk
from faas_runtime.gateway.proxy.readiness import NotReady
from faas_runtime.gateway.proxy.tunnel import Tunnel
from faas_runtime.gateway.proxy.upload import Upload
from faas_runtime.gateway.proxy.upstream import (
    CHUNKED,
    LENGTH,
    NO_BODY,
    TUNNELLED,
    UNTIL_CLOSE,
    BodyKind,
    UpstreamConnection,
)

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.admission import Admission
    from faas_runtime.gateway.proxy.connection import ClientConnection
    from faas_runtime.gateway.proxy.deadlines import DeadlineQueue
    from faas_runtime.gateway.proxy.pool import Backend, EndpointPool
    from faas_runtime.gateway.proxy.request_head import RequestHead
    from faas_runtime.gateway.proxy.response_head import ResponseHead

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))


class Stage(Enum):
    """Where a cycle is; see the module's drawing."""

    WAITING = auto()
    SENT = auto()
    RESPONDING = auto()
    TUNNEL = auto()
    OVER = auto()


# Looking a member up in its class costs several times the comparison it is for.
WAITING, SENT, RESPONDING, TUNNEL, OVER = Stage


class RequestCycle:
    """Carries one request to a replica and its response back."""

    __slots__ = (
        "_began",
        "_chunk_out",
        "_deadline",
        "_outgoing",
        "_replica",
        "_retries",
        "_sent",
        "_task",
        "_unsent",
        "_upload",
        "_whole",
        "admission",
        "backend",
        "call_headers",
        "connection",
        "context",
        "head",
        "keep",
        "path",
        "request_complete",
        "stage",
        "status",
        "trace",
        "tunnel",
        "upstream",
    )

    def __init__(self, connection: ClientConnection, head: RequestHead, backend: Backend, path: bytes) -> None:
        # The request.
        self.connection = connection
        self.context = connection.context
        self.head = head
        self.backend = backend
        self.path = path
        self._upload = Upload(head, self.context.settings.max_trailer_bytes) if head.has_body else None
        self._unsent = b""
        self._whole: bytes | None = None
        self.admission: Admission | None = None
        self.request_complete = not head.has_body
        # Only function calls, direct or queued, get an id and a start time.
        marked = backend.meter is not None or head.path.startswith(b"/async-function/")
        self.call_headers = CallHeaders(head, self.context.ids) if marked else None
        # The way to a replica.
        self.stage = WAITING
        self.trace = b""
        self.upstream: UpstreamConnection | None = None
        self.tunnel: Tunnel | None = None
        self._deadline: DeadlineQueue[RequestCycle] | None = None
        self._task: asyncio.Task[None] | None = None
        self._retries = 0
        # The response.
        self.keep = head.keep_alive
        self.status = 0
        self._chunk_out = False
        self._outgoing = b""
        self._sent = 0
        self._replica = ""
        self._began = 0.0

    def start(self, body: bytes) -> bytes:
        """Take up the request with what has come of its body; returns the bytes behind its end."""
        meter = self.backend.meter
        if meter is not None:
            meter.begin()
        self._began = time.monotonic()
        leftover = b""
        if not self.request_complete:
            leftover = self.feed(body) if body else b""
            if not self.request_complete:
                self.context.timeouts.read.arm(self)
        else:
            leftover = body
        if self.stage is OVER:
            return leftover
        if self.admission is not None:
            self._task = self.context.loop.create_task(self._be_admitted(self.admission))
            return leftover
        pool = self.backend.choose()
        upstream = None if pool is None else pool.take()
        if upstream is not None:
            self._send(upstream)
        else:
            self._task = self.context.loop.create_task(self._find_replica(pool))
        return leftover

    # The request's body.

    def feed(self, data: bytes) -> bytes:
        """Pass on bytes of the body; returns those behind its end."""
        upload = self._upload
        assert upload is not None
        try:
            out = upload.feed(data)
        except Malformed as bad:
            self._refuse(bad.status, bad.reason)
            return b""
        if upload.complete:
            self.request_complete = True
            self.context.timeouts.read.disarm(self)
        else:
            self.context.timeouts.read.arm(self)
        if self.upstream is not None:
            self.upstream.transport.write(out)
        else:
            self._unsent += out
            if len(self._unsent) > self.context.settings.buffer_bytes:
                self.connection.flow.pause(NO_REPLICA_YET)
        return upload.leftover

    def read_expired(self) -> None:
        """The client has been silent for `read_timeout` in the middle of its body."""
        if self.connection.flow.paused:
            # It is us who do not read.
            self.context.timeouts.read.arm(self)
            return
        seconds = self.context.settings.read_timeout
        self._refuse(408, f"the request's body stopped coming for {seconds:g} s")

    # The way to a replica.

    async def _be_admitted(self, admission: Admission) -> None:
        """Go on once the credentials are known to be right."""
        if await admission.granted():
            await self._find_replica(self.backend.choose())
        else:
            self._task = None
            self._fail(*admission.refusal)

    async def _find_replica(self, pool: EndpointPool | None) -> None:
        """Connect to the replica chosen, wait for one if there is none, try another if it refuses."""
        tried: list[EndpointPool] = []
        try:
            while True:
                if pool is None and tried:
                    await self._wait_for_others(tried)
                elif pool is None:
                    await self.context.readiness.wait(self.backend)
                    self._began = time.monotonic()
                else:
                    try:
                        upstream = pool.take() or await pool.connect()
                        break
                    except (OSError, TimeoutError):
                        pool.eject()
                        tried.append(pool)
                pool = self.backend.choose(tried)
        except NotReady as not_ready:
            self._task = None
            self._fail(503, str(not_ready), (b"Retry-After: 1",))
            return
        except TimeoutError:
            self._task = None
            self._fail(502, f"no replica of {self.backend.name} accepts connections")
            return
        self._task = None
        self._send(upstream)

    async def _wait_for_others(self, tried: list[EndpointPool]) -> None:
        """Every replica has refused: give the provider a moment to bring others. Raises TimeoutError."""
        key = self.backend.key
        if key is None or self._retries >= self.context.settings.max_retries:
            raise TimeoutError
        self._retries += 1
        async with asyncio.timeout(self.context.settings.connect_timeout):
            await self.context.routes.changed(key)
        tried.clear()

    def _send(self, upstream: UpstreamConnection) -> None:
        self.stage = SENT
        self.upstream = upstream
        self._replica = upstream.pool.endpoint.instance
        self._deadline = self.context.timeouts.calls(self.backend.timeout)
        self._deadline.arm(self)
        body, self._unsent = self._unsent, b""
        # Only a request that is here as a whole can be sent again.
        self._whole = body if self.request_complete else None
        upstream.begin(self, request_head(self, upstream.pool) + body)
        self.connection.flow.resume(NO_REPLICA_YET)

    # What the replica says.

    def informational(self, head: ResponseHead) -> None:
        """Pass on an interim response to a client that can understand one."""
        if head.status == 100 and not self.head.expects_continue:
            return
        if self.head.http11 and self.stage is SENT:
            parts = [head.status_line, *head.lines, b"\r\n"]
            self.connection.write(b"\r\n".join(parts))

    def respond(self, head: ResponseHead, kind: BodyKind) -> None:
        """A final response's head has come; it goes out together with the body's first bytes."""
        self.stage = RESPONDING
        self.status = head.status
        parts = [head.status_line, *head.lines]
        if kind is TUNNELLED:
            self._enter_tunnel(head, parts)
        else:
            self._frame(head, kind, parts)
        call_headers = self.call_headers
        if call_headers is not None:
            if call_headers.call_id and not head.call_id:
                parts.append(call_headers.call_id)
            if not head.start_time:
                parts.append(call_headers.start_time)
            parts.append(self.context.served_by)
        if self.context.draining or (head.status >= 400 and not self.request_complete):
            # An upload that is turned down is not read to its end.
            self.keep = False
        if kind is not TUNNELLED:
            if not self.keep:
                parts.append(b"Connection: close")
            elif not self.head.http11:
                parts.append(b"Connection: keep-alive")
        parts.append(b"\r\n")
        self._outgoing = b"\r\n".join(parts)

    def _frame(self, head: ResponseHead, kind: BodyKind, parts: list[bytes]) -> None:
        if kind is LENGTH or (kind is NO_BODY and head.length >= 0 and head.status != 204):
            parts.append(b"Content-Length: %d" % head.length)
        elif kind is CHUNKED or kind is UNTIL_CLOSE:
            if self.head.http11:
                parts.append(b"Transfer-Encoding: chunked")
                self._chunk_out = True
            else:
                self.keep = False

    def relay(self, data: bytes) -> None:
        """Pass on bytes of the response's body."""
        if self.stage is OVER:
            return
        self._sent += len(data)
        if self._chunk_out:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        elif self.tunnel is not None:
            self.tunnel.moved()
        if self._outgoing:
            data = self._outgoing + data
            self._outgoing = b""
        self.connection.write(data)

    def flush(self) -> None:
        """Nothing more has come for now: send what was held back."""
        if self._outgoing and self.stage is not OVER:
            outgoing, self._outgoing = self._outgoing, b""
            self.connection.write(outgoing)

    def response_end(self, trailers: list[bytes]) -> None:
        """The response came to its proper end."""
        if self.stage is OVER:
            return
        if self._chunk_out:
            self._outgoing += last_chunk(trailers)
        if self._outgoing:
            self.connection.write(self._outgoing)
            self._outgoing = b""
        if not self.request_complete and self.upstream is not None:
            # It answered before it had read everything: the rest has nowhere to go.
            self.upstream.mark_unusable()
        self._over(self.status)

    def upstream_lost(self) -> None:
        """The connection to the replica broke before the response ended."""
        upstream = self.upstream
        if self.stage is OVER or upstream is None:
            return
        if upstream.reused and not upstream.answered and self._may_send_again():
            self._send_again()
            return
        self.upstream_failed("closed the connection")

    def upstream_failed(self, what: str) -> None:
        """The replica did something from which the call cannot recover."""
        if self.stage is OVER:
            return
        when = "in the middle of its answer" if self.stage is RESPONDING else "before it answered"
        self._fail(502, f"a replica of {self.backend.name} {what} {when}")

    def call_expired(self) -> None:
        """The call has taken as long as it may."""
        seconds = self.backend.timeout
        self._fail(
            504,
            f"{self.backend.name} gave no answer within {seconds:g} s: the gateway gave up"
            + (" (raise `timeout` in the stack file)" if self.backend.meter is not None else ""),
        )

    def _may_send_again(self) -> bool:
        return (
            self._whole is not None
            and self._retries < self.context.settings.max_retries
            and self.head.method in _IDEMPOTENT
        )

    def _send_again(self) -> None:
        """An idle connection was closed just as we used it: nothing has happened yet."""
        self._retries += 1
        self._leave_upstream()
        self._unsent = self._whole or b""
        self.stage = WAITING
        self._task = self.context.loop.create_task(self._find_replica(self.backend.choose()))

    # Upgraded connections.

    def _enter_tunnel(self, head: ResponseHead, parts: list[bytes]) -> None:
        assert self.upstream is not None
        self.stage = TUNNEL
        self.keep = False
        self._stop_clock()
        parts.append(b"Connection: Upgrade\r\nUpgrade: " + (head.upgrade or self.head.upgrade))
        self.tunnel = Tunnel(self, self.upstream)

    def tunnel_over(self) -> None:
        """One side has closed: so will the other, once it has got everything."""
        if self.stage is not OVER:
            self.flush()
            self._over(self.status)

    # Back-pressure.

    def upstream_paused(self) -> None:
        """The replica cannot take more of the request for now."""
        self.connection.flow.pause(PEER_FULL)

    def upstream_resumed(self) -> None:
        """The replica can take more of the request."""
        self.connection.flow.resume(PEER_FULL)

    def client_paused(self) -> None:
        """The client cannot take more of the response for now."""
        if self.upstream is not None:
            self.upstream.flow.pause(PEER_FULL)

    def client_resumed(self) -> None:
        """The client can take more of the response."""
        if self.upstream is not None:
            self.upstream.flow.resume(PEER_FULL)

    # Endings.

    def client_gone(self) -> None:
        """The client has disconnected: so do we from the replica."""
        if self.stage is not OVER:
            self._cut_upstream()
            self._over(answers.CLIENT_GONE if self.stage is not TUNNEL else self.status)

    def _refuse(self, status: int, reason: str) -> None:
        """The client's own fault."""
        self.keep = False
        self._fail(status, reason, ())

    def _fail(self, status: int, text: str, lines: tuple[bytes, ...] = ()) -> None:
        """Give up: with an answer if none has begun, else by breaking the client's connection."""
        self._cut_upstream()
        if self.stage in (RESPONDING, TUNNEL):
            self.connection.break_off()
            self._over(status)
            return
        if not self.request_complete or self.context.draining:
            self.keep = False
        call_headers = self.call_headers
        if call_headers is not None:
            if status >= 500:
                lines += answers.INTERNAL
            if call_headers.call_id:
                lines += (call_headers.call_id,)
            lines += (call_headers.start_time, self.context.served_by)
        self.connection.write(
            answers.answer(status, text, lines=lines, close=not self.keep, head_only=self.head.method == b"HEAD")
        )
        self._over(status)

    def _cut_upstream(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.upstream is not None:
            self.upstream.mark_unusable()

    def _stop_clock(self) -> None:
        # Not the queue of the function's present timeout: that may have changed since.
        if self._deadline is not None:
            self._deadline.disarm(self)
            self._deadline = None

    def _log(self, log: AccessLog) -> None:
        call_headers = self.call_headers
        call_id = self.head.call_id or (b"" if call_headers is None else call_headers.call_id.partition(b" ")[2])
        key = self.backend.key
        seconds = time.monotonic() - self._began
        log.add(
            Entry(
                time.time_ns() - int(seconds * 1e9),
                self.connection.peer,
                self.head.method.decode(),
                (self.head.path + self.head.query).decode(),
                "" if key is None else str(key),
                self._replica,
                self.status,
                seconds,
                self._sent,
                call_id.decode("ascii", "backslashreplace"),
            )
        )

    def _leave_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            self._stop_clock()
            upstream.release()

    def _over(self, status: int) -> None:
        """Everything is done: free the replica, count the call, let the client go on."""
        self.stage = OVER
        self.status = status
        self._leave_upstream()
        if self.tunnel is not None:
            self.tunnel.close()
        if not self.request_complete:
            self.context.timeouts.read.disarm(self)
        meter = self.backend.meter
        if meter is not None:
            seconds = time.monotonic() - self._began
            meter.end(status, seconds)
            if self.context.spans is not None:
                self.context.spans.ended(self, seconds, self._replica)
        if self.context.access_log is not None:
            self._log(self.context.access_log)
        self.connection.cycle_over(self)
