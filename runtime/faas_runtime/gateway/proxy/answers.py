"""Answers the proxy gives by itself, without asking a replica."""

from __future__ import annotations

from http import HTTPStatus

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

CLIENT_GONE = 499
"""The status under which a call is counted whose client did not wait for the answer."""

INTERNAL = (b"X-OpenFaaS-Internal: proxy",)
"""Tells a retrying caller that the platform failed, not the function."""


def status_line(status: int) -> bytes:
    """`HTTP/1.1 404 Not Found`."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}".encode()


def answer(
    status: int, text: str, *, lines: tuple[bytes, ...] = (), close: bool = False, head_only: bool = False
) -> bytes:
    """A whole response with one sentence of plain text in it."""
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
