"""Sends a response to a client: a replica's, its body encoded again, or one that the proxy makes itself."""

from __future__ import annotations

from http import HTTPStatus

from faas_runtime.gateway.proxy.call import Call
from faas_runtime.gateway.proxy.context import ProxyContext
from faas_runtime.gateway.proxy.framing import last_chunk
from faas_runtime.gateway.proxy.interfaces import ClientSide
from faas_runtime.gateway.proxy.response_head import (
    CHUNKED,
    LENGTH,
    NO_BODY,
    TUNNELLED,
    UNTIL_CLOSE,
    BodyKind,
    ResponseHead,
)

# Tells a caller that retries that the platform failed, not the function.
_INTERNAL = b"X-OpenFaaS-Internal: proxy"


def status_line(status: int) -> bytes:
    """`HTTP/1.1 404 Not Found`."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}".encode()


def text_response(
    status: int, text: str, *, lines: tuple[bytes, ...] = (), close: bool = False, head_only: bool = False
) -> bytes:
    """A complete response with one sentence of plain text."""
    body = f"{text}\n".encode() if text else b""
    parts = [status_line(status)]
    if body:
        parts.append(b"Content-Type: text/plain; charset=utf-8")
        parts.append(b"X-Content-Type-Options: nosniff")
    parts.append(b"Content-Length: %d" % len(body))
    parts.extend(lines)
    if close:
        parts.append(b"Connection: close")
    return b"\r\n".join(parts) + b"\r\n\r\n" + (b"" if head_only else body)


class ResponseWriter:
    """Writes the response of one call. `keep_alive` says whether another request may follow it."""

    __slots__ = ("_call", "_chunked", "_client", "_context", "_held", "keep_alive")

    def __init__(self, call: Call, client: ClientSide, context: ProxyContext) -> None:
        self._call = call
        self._client = client
        self._context = context
        self._chunked = False
        self._held = b""
        self.keep_alive = call.head.keep_alive

    def informational(self, head: ResponseHead) -> None:
        """Send an interim response, to a client that understands it."""
        request = self._call.head
        if request.http11 and (head.status != 100 or request.expects_continue):
            self._client.write(b"\r\n".join((head.status_line, *head.lines, b"\r\n")))

    def begin(self, head: ResponseHead, kind: BodyKind) -> None:
        """Make the head of a replica's response; it is held back until the first bytes of the body, or `flush`."""
        call, request = self._call, self._call.head
        parts = [head.status_line, *head.lines]
        if kind is TUNNELLED:
            self.keep_alive = False
            parts.append(b"Connection: Upgrade\r\nUpgrade: " + (head.upgrade or request.upgrade))
        elif kind is LENGTH or (kind is NO_BODY and head.length >= 0 and head.status != 204):
            parts.append(b"Content-Length: %d" % head.length)
        elif kind is CHUNKED or kind is UNTIL_CLOSE:
            if request.http11:
                parts.append(b"Transfer-Encoding: chunked")
                self._chunked = True
            else:
                self.keep_alive = False
        if call.start_time:
            if call.call_id and not head.call_id:
                parts.append(call.call_id)
            if not head.start_time:
                parts.append(call.start_time)
            parts.append(self._client.served_by)
        if self._context.draining:
            self.keep_alive = False
        if kind is not TUNNELLED:
            if not self.keep_alive:
                parts.append(b"Connection: close")
            elif not request.http11:
                parts.append(b"Connection: keep-alive")
        parts.append(b"\r\n")
        self._held = b"\r\n".join(parts)

    def write(self, data: bytes) -> None:
        """Send bytes of the body."""
        self._call.bytes_sent += len(data)
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._held:
            data = self._held + data
            self._held = b""
        self._client.write(data)

    def flush(self) -> None:
        """Send what was held back."""
        if self._held:
            held, self._held = self._held, b""
            self._client.write(held)

    def end(self, trailers: list[bytes]) -> None:
        """Send the end of the body."""
        if self._chunked:
            self._held += last_chunk(trailers)
        self.flush()

    def answer(self, status: int, text: str, lines: tuple[bytes, ...]) -> None:
        """Send a response of the proxy's own, which must not follow any part of another one."""
        call = self._call
        if self._context.draining:
            self.keep_alive = False
        if call.start_time:
            if status >= 500:
                lines += (_INTERNAL,)
            if call.call_id:
                lines += (call.call_id,)
            lines += (call.start_time, self._client.served_by)
        self._client.write(
            text_response(status, text, lines=lines, close=not self.keep_alive, head_only=call.head.method == b"HEAD")
        )
