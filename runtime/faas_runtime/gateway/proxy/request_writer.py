"""Sends a request to a replica: the client's head without what was for the proxy, then its body, encoded again."""

from __future__ import annotations

from faas_runtime.gateway.proxy.call import Call
from faas_runtime.gateway.proxy.context import ProxyContext
from faas_runtime.gateway.proxy.framing import ChunkedDecoder, chunks, last_chunk
from faas_runtime.gateway.proxy.interfaces import NO_REPLICA_YET, CallSide, ClientSide
from faas_runtime.gateway.proxy.request_head import RequestHead
from faas_runtime.gateway.proxy.upstream import ConnectionOwner, UpstreamConnection

_USUALLY_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))


class RequestWriter:
    """Finds the end of a request's body and passes it on; keeps it while there is no replica.

    After `complete`, nothing more of the request will arrive.
    """

    __slots__ = ("_call", "_client", "_context", "_decoder", "_remaining", "_unsent", "_upstream", "_whole", "complete")

    def __init__(self, call: Call, client: ClientSide, context: ProxyContext) -> None:
        head = call.head
        self._call = call
        self._client = client
        self._context = context
        self.complete = not head.has_body
        self._decoder = ChunkedDecoder(context.settings.max_trailer_bytes) if head.chunked else None
        self._remaining = head.length
        self._unsent = b""
        self._whole: bytes | None = None
        self._upstream: UpstreamConnection | None = None

    def feed(self, data: bytes) -> bytes:
        """Pass on bytes of the body; returns those after its end. Raises Malformed."""
        leftover = b""
        decoder = self._decoder
        if decoder is not None:
            out = chunks(decoder.feed(data))
            if decoder.done:
                out += last_chunk(decoder.trailers)
                leftover = decoder.leftover
                self.complete = True
        else:
            out = data
            remaining = self._remaining - len(data)
            if remaining <= 0:
                self.complete = True
                if remaining < 0:
                    leftover = data[self._remaining :]
                    out = data[: self._remaining]
            self._remaining = remaining
        if self._upstream is not None:
            self._upstream.transport.write(out)
        else:
            self._unsent += out
            if len(self._unsent) > self._context.settings.buffer_bytes:
                self._client.flow.pause(NO_REPLICA_YET)
        return leftover

    def send(self, upstream: UpstreamConnection, side: CallSide) -> None:
        """Send the head, with what there is of the body; later bytes of the body follow by themselves."""
        body, self._unsent = self._unsent, b""
        # Only a request that has arrived completely can be sent again.
        self._whole = body if self.complete else None
        self._upstream = upstream
        upstream.begin(side, self._call.head, self._head(upstream.pool) + body)
        self._client.flow.resume(NO_REPLICA_YET)

    def rewind(self) -> bool:
        """Make ready to be sent again; False if the function may have handled the request, or its body is gone."""
        if self._whole is None or self._call.head.method not in _IDEMPOTENT:
            return False
        self._unsent = self._whole
        self._upstream = None
        return True

    def _head(self, pool: ConnectionOwner) -> bytes:
        """The request's head for one replica."""
        call, context = self._call, self._context
        head, backend = call.head, call.backend
        host = head.host or b""
        parts = [b"%b %b%b%b HTTP/1.1" % (head.method, pool.prefix, call.path, head.query)]
        parts += head.lines
        parts.append(b"Host: " + host if backend.keep_host else pool.host_line)
        if head.length >= 0:
            parts.append(b"Content-Length: %d" % head.length)
        elif head.chunked:
            parts.append(b"Transfer-Encoding: chunked")
        elif head.method in _USUALLY_WITH_BODY:
            parts.append(b"Content-Length: 0")
        if head.expects_continue and not self.complete:
            parts.append(b"Expect: 100-continue")
        if head.upgrade:
            parts.append(b"Connection: Upgrade\r\nUpgrade: " + head.upgrade)
        parts.append(_forwarded(head, host, self._client))
        spans = context.recorder.spans
        if spans is not None and backend.meter is not None:
            parts.append(b"traceparent: " + spans.traceparent(call))
            parts += head.tracestate
        elif head.traceparent:
            parts.append(b"traceparent: " + head.traceparent)
            parts += head.tracestate
        else:
            parts.append(b"traceparent: " + context.ids.traceparent())
        if call.call_id:
            parts.append(call.call_id)
        if call.start_time:
            parts.append(call.start_time)
        parts.append(b"\r\n")
        return b"\r\n".join(parts)


def _forwarded(head: RequestHead, host: bytes, client: ClientSide) -> bytes:
    """Where the call came from: as a trusted proxy states it, completed by what this proxy sees."""
    ours = client.forwarded
    if head.forwarded is None or not client.trusted:
        return b"%b\r\nX-Forwarded-Host: %b" % (ours, host)
    lines = head.forwarded
    names = {line.partition(b":")[0].lower() for line in lines}
    if b"x-forwarded-for" not in names:
        lines.append(ours.partition(b"\r\n")[0])
    if b"x-forwarded-proto" not in names:
        lines.append(ours.partition(b"\r\n")[2])
    if b"x-forwarded-host" not in names:
        lines.append(b"X-Forwarded-Host: " + host)
    return b"\r\n".join(lines)
