"""The head a replica is sent: the client's, without what was for us, with what the gateway adds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from faas_runtime.gateway.proxy.identity import Ids
from faas_runtime.gateway.proxy.request_head import RequestHead

if TYPE_CHECKING:
    from faas_runtime.gateway.proxy.connection import ClientConnection
    from faas_runtime.gateway.proxy.cycle import RequestCycle
    from faas_runtime.gateway.proxy.pool import EndpointPool

_USUALLY_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))


class CallHeaders:
    """The header lines that identify a call, to the function and to the caller.

    `call_id` is empty when the caller has sent an id of its own.
    """

    __slots__ = ("call_id", "start_time")

    def __init__(self, head: RequestHead, ids: Ids) -> None:
        self.call_id = b"" if head.call_id else b"X-Call-Id: " + ids.call_id()
        self.start_time = b"X-Start-Time: %d" % time.time_ns()


def request_head(cycle: RequestCycle, pool: EndpointPool) -> bytes:
    """The head of a cycle's request as one replica is to see it."""
    head = cycle.head
    parts = [b"%b %b%b%b HTTP/1.1" % (head.method, pool.prefix, cycle.path, head.query)]
    parts += head.lines
    host = head.host or b""
    parts.append(b"Host: " + host if cycle.backend.keep_host else pool.host_line)
    if head.length >= 0:
        parts.append(b"Content-Length: %d" % head.length)
    elif head.chunked:
        parts.append(b"Transfer-Encoding: chunked")
    elif head.method in _USUALLY_WITH_BODY:
        parts.append(b"Content-Length: 0")
    if head.expects_continue and not cycle.request_complete:
        parts.append(b"Expect: 100-continue")
    if head.upgrade:
        parts.append(b"Connection: Upgrade\r\nUpgrade: " + head.upgrade)
    parts.append(_forwarded(head, host, cycle.connection))
    spans = cycle.context.spans
    if spans is not None and cycle.backend.meter is not None:
        parts.append(b"traceparent: " + spans.traceparent(cycle))
        parts += head.tracestate
    elif head.traceparent:
        parts.append(b"traceparent: " + head.traceparent)
        parts += head.tracestate
    else:
        parts.append(b"traceparent: " + cycle.context.ids.traceparent())
    call_headers = cycle.call_headers
    if call_headers is not None:
        if call_headers.call_id:
            parts.append(call_headers.call_id)
        parts.append(call_headers.start_time)
    parts.append(b"\r\n")
    return b"\r\n".join(parts)


def _forwarded(head: RequestHead, host: bytes, connection: ClientConnection) -> bytes:
    """Where the call came from: as a trusted proxy says it, completed by what we see ourselves."""
    ours = connection.forwarded
    if head.forwarded is None or not connection.trusted:
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
