"""One request, from its head to the end of its response.

    WAITING ──▶ SENT ──▶ RESPONDING ──▶ ENDED
       │          │           └──▶ TUNNEL ──▶ ENDED
       └──────────┴── answered by the proxy, or the client has gone ──▶ ENDED

A cycle is WAITING until a replica is found, SENT once its head has been sent, RESPONDING once the
head of a response has arrived. It only moves between these states; the parts do the work: the
finder connects to a replica, the request writer sends, the response writer answers, the recorder
counts and logs.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from faas_runtime.gateway.auth.function_auth import Admission
from faas_runtime.gateway.proxy.call import Call
from faas_runtime.gateway.proxy.context import ProxyContext
from faas_runtime.gateway.proxy.deadlines import DeadlineQueue
from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.interfaces import PEER_FULL, CallSide, ClientSide
from faas_runtime.gateway.proxy.pool import Backend, EndpointPool
from faas_runtime.gateway.proxy.replica_finder import NoReplica
from faas_runtime.gateway.proxy.request_head import RequestHead
from faas_runtime.gateway.proxy.request_writer import RequestWriter
from faas_runtime.gateway.proxy.response_head import TUNNELLED, BodyKind, ResponseHead
from faas_runtime.gateway.proxy.response_writer import ResponseWriter
from faas_runtime.gateway.proxy.tunnel import Tunnel
from faas_runtime.gateway.proxy.upstream import UpstreamConnection

CLIENT_GONE = 499
"""The status recorded for a call whose client did not wait for the response."""


class Stage(Enum):
    """Where a cycle is; see the module's drawing."""

    WAITING = auto()
    SENT = auto()
    RESPONDING = auto()
    TUNNEL = auto()
    ENDED = auto()


# Looking up a member in its class costs several times the comparison it is for.
WAITING, SENT, RESPONDING, TUNNEL, ENDED = Stage


class RequestCycle(CallSide):
    """Carries one request to a replica and its response back."""

    __slots__ = (
        "_client",
        "_context",
        "_deadline",
        "_task",
        "_upstream",
        "call",
        "request",
        "response",
        "stage",
        "tunnel",
    )

    def __init__(
        self, client: ClientSide, context: ProxyContext, head: RequestHead, backend: Backend, path: bytes
    ) -> None:
        self._client = client
        self._context = context
        call = self.call = Call(head, backend, path, context.ids)
        self.request = RequestWriter(call, client, context)
        self.response = ResponseWriter(call, client, context)
        self.stage = WAITING
        self.tunnel: Tunnel | None = None
        self._upstream: UpstreamConnection | None = None
        self._deadline: DeadlineQueue[CallSide] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, body: bytes, admission: Admission | None) -> bytes:
        """Start with what has arrived of the body; returns the bytes after its end."""
        self._context.recorder.begin(self.call)
        leftover = body
        if not self.request.complete:
            leftover = self.feed(body) if body else b""
            if not self.request.complete:
                self._context.timeouts.read.arm(self)
        if self.stage is ENDED:
            return leftover
        if admission is not None:
            self._task = self._context.loop.create_task(self._admit(admission))
        else:
            self._choose()
        return leftover

    def feed(self, data: bytes) -> bytes:
        """Pass on bytes of the body; returns those after its end."""
        try:
            leftover = self.request.feed(data)
        except Malformed as bad:
            self._refuse(bad.status, bad.reason)
            return b""
        if self.request.complete:
            self._context.timeouts.read.disarm(self)
        else:
            self._context.timeouts.read.arm(self)
        return leftover

    def read_expired(self) -> None:
        if self._client.flow.paused:
            # The proxy itself does not read.
            self._context.timeouts.read.arm(self)
            return
        self._refuse(408, f"the request's body stopped arriving for {self._context.settings.read_timeout:g} s")

    # To a replica.

    def _choose(self) -> None:
        """Send to a replica that is connected, else start to look for one."""
        pool = self.call.backend.choose()
        upstream = None if pool is None else pool.take()
        if upstream is not None:
            self._send(upstream)
        else:
            self._task = self._context.loop.create_task(self._find_replica(pool))

    async def _admit(self, admission: Admission) -> None:
        """Continue once the credentials are known to be right."""
        granted = await admission.granted()
        self._task = None
        if granted:
            self._choose()
        else:
            refusal = admission.refusal
            self._fail(refusal.status, refusal.text, refusal.lines)

    async def _find_replica(self, pool: EndpointPool | None) -> None:
        try:
            upstream = await self._context.finder.connect(self.call, pool)
        except NoReplica as failure:
            self._task = None
            self._fail(failure.status, str(failure), (b"Retry-After: 1",) if failure.status == 503 else ())
            return
        self._task = None
        self._send(upstream)

    def _send(self, upstream: UpstreamConnection) -> None:
        self.stage = SENT
        self._upstream = upstream
        self.call.replica = upstream.pool.endpoint.instance
        self._deadline = self._context.timeouts.calls(self.call.backend.timeout)
        self._deadline.arm(self)
        self.request.send(upstream, self)

    def _send_again(self) -> bool:
        """Retry a call whose kept connection was already closed: nothing has happened yet. False if that is not so."""
        upstream = self._upstream
        if upstream is None or not upstream.reused or upstream.answered:
            return False
        if self.call.retries >= self._context.settings.max_retries or not self.request.rewind():
            return False
        self.call.retries += 1
        self._leave_upstream()
        self.stage = WAITING
        self._task = self._context.loop.create_task(self._find_replica(self.call.backend.choose()))
        return True

    # From the replica.

    def informational(self, head: ResponseHead) -> None:
        if self.stage is SENT:
            self.response.informational(head)

    def response_started(self, head: ResponseHead, kind: BodyKind) -> None:
        self.stage = RESPONDING
        self.call.status = head.status
        if kind is TUNNELLED:
            assert self._upstream is not None
            self.stage = TUNNEL
            self._stop_clock()
            self.tunnel = Tunnel(self, self._client, self._upstream, self._context.timeouts.tunnel)
        elif head.status >= 400 and not self.request.complete:
            # The rest of a refused upload is not read.
            self.response.keep_alive = False
        self.response.begin(head, kind)

    def relay(self, data: bytes) -> None:
        if self.stage is not ENDED:
            if self.tunnel is not None:
                self.tunnel.moved()
            self.response.write(data)

    def flush(self) -> None:
        if self.stage is not ENDED:
            self.response.flush()

    def response_ended(self, trailers: list[bytes]) -> None:
        if self.stage is ENDED:
            return
        self.response.end(trailers)
        if not self.request.complete and self._upstream is not None:
            # The replica answered before it had read everything: the rest cannot be sent anywhere.
            self._upstream.usable = False
        self._end(self.call.status)

    def upstream_eof(self) -> None:
        if self.tunnel is not None:
            self.tunnel.upstream_eof()

    def upstream_lost(self) -> None:
        if self.stage is not ENDED and not self._send_again():
            self.upstream_failed("closed the connection")

    def upstream_failed(self, what: str) -> None:
        if self.stage is not ENDED:
            when = "in the middle of its response" if self.stage is RESPONDING else "before it answered"
            self._fail(502, f"a replica of {self.call.backend.name} {what} {when}")

    def call_expired(self) -> None:
        backend = self.call.backend
        self._fail(
            504,
            f"{backend.name} gave no answer within {backend.timeout:g} s: the gateway gave up"
            + (" (raise `timeout` in the stack file)" if backend.meter is not None else ""),
        )

    def tunnel_ended(self) -> None:
        if self.stage is not ENDED:
            self.response.flush()
            self._end(self.call.status)

    # Flow control.

    def upstream_paused(self) -> None:
        self._client.flow.pause(PEER_FULL)

    def upstream_resumed(self) -> None:
        self._client.flow.resume(PEER_FULL)

    def client_paused(self) -> None:
        """The client cannot accept more of the response for now."""
        if self._upstream is not None:
            self._upstream.flow.pause(PEER_FULL)

    def client_resumed(self) -> None:
        """The client accepts more of the response again."""
        if self._upstream is not None:
            self._upstream.flow.resume(PEER_FULL)

    # Endings.

    def client_gone(self) -> None:
        """The client has disconnected: so does the proxy from the replica."""
        if self.stage is not ENDED:
            self._cut_upstream()
            self._end(CLIENT_GONE if self.stage is not TUNNEL else self.call.status)

    def _refuse(self, status: int, reason: str) -> None:
        """The client's own fault."""
        self.response.keep_alive = False
        self._fail(status, reason)

    def _fail(self, status: int, text: str, lines: tuple[bytes, ...] = ()) -> None:
        """Give up: with a response if none has begun, else by cutting the client's connection."""
        self._cut_upstream()
        if self.stage is RESPONDING or self.stage is TUNNEL:
            self._client.abort()
        else:
            if not self.request.complete:
                self.response.keep_alive = False
            self.response.answer(status, text, lines)
        self._end(status)

    def _cut_upstream(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._upstream is not None:
            self._upstream.usable = False

    def _stop_clock(self) -> None:
        # Not the queue of the function's current timeout: that may have changed since.
        if self._deadline is not None:
            self._deadline.disarm(self)
            self._deadline = None

    def _leave_upstream(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            self._stop_clock()
            upstream.release()

    def _end(self, status: int) -> None:
        """Free the replica, record the call, let the client go on."""
        self.stage = ENDED
        self.call.status = status
        self._leave_upstream()
        if self.tunnel is not None:
            self.tunnel.close()
        complete = self.request.complete
        if not complete:
            self._context.timeouts.read.disarm(self)
        self._context.recorder.end(self.call, self._client.peer)
        self._client.call_ended(complete, self.response.keep_alive)
