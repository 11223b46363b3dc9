"""Parses the head of a replica's response, as strictly as a request's."""

from __future__ import annotations

import re
from enum import Enum, auto

from faas_runtime.gateway.proxy.fields import (
    CALL_ID,
    CONNECTION,
    CONTENT_LENGTH,
    DROP,
    FIELD_BLOCK,
    SERVED_BY,
    START_TIME,
    TRANSFER_ENCODING,
    UPGRADE,
    Field,
    Malformed,
    check_no_bare_line_end,
    content_length,
    explain,
    tokens,
)

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?\r\n")

_SPECIAL = {
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"upgrade": UPGRADE,
    b"x-call-id": CALL_ID,
    b"x-start-time": START_TIME,
    b"x-served-by": SERVED_BY,
    b"keep-alive": DROP,
    b"proxy-connection": DROP,
    b"proxy-authenticate": DROP,
    b"te": DROP,
}


class BodyKind(Enum):
    """How the end of a response's body is found."""

    NO_BODY = auto()
    LENGTH = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()
    TUNNELLED = auto()


# Looking up a member in its class costs several times the comparison it is for.
NO_BODY, LENGTH, CHUNKED, UNTIL_CLOSE, TUNNELLED = BodyKind


class ResponseHead:
    """A replica's response without its body. `length` is -1 if the head does not state it."""

    __slots__ = (
        "call_id",
        "chunked",
        "keep_alive",
        "length",
        "lines",
        "start_time",
        "status",
        "status_line",
        "upgrade",
    )

    def __init__(self, status_line: bytes, status: int, http11: bool) -> None:
        self.status_line = status_line
        self.status = status
        self.keep_alive = http11
        self.lines: list[bytes] = []
        self.length = -1
        self.chunked = False
        self.upgrade = b""
        self.call_id = False
        self.start_time = False

    @property
    def bodiless(self) -> bool:
        """Whether a response with this status never has a body, whatever its headers say."""
        return self.status == 204 or self.status == 304 or self.status < 200


def find_response_end(buffer: bytes, limit: int) -> int:
    """Offset after the head's last line, or -1 while it is incomplete. Raises Malformed."""
    end = buffer.find(b"\r\n\r\n")
    if end > limit or (end < 0 and len(buffer) > limit):
        raise Malformed("the response's head is too large", 502)
    if end < 0:
        check_no_bare_line_end(buffer)
        return -1
    return end + 2


def parse_response(buffer: bytes, end: int, max_headers: int) -> ResponseHead:
    """Parse the head in `buffer[:end]`. Raises Malformed."""
    matched = _STATUS_LINE.match(buffer)
    if matched is None:
        raise Malformed("bad status line", 502)
    first = matched.end()
    line = buffer[: first - 2]
    http11 = matched[1] == b"1"
    head = ResponseHead(line if http11 else b"HTTP/1.1" + line[8:], int(matched[2]), http11)
    if FIELD_BLOCK.fullmatch(buffer, first, end) is None:
        raise explain(buffer[first : end - 2])
    if end > first:
        _read_fields(head, buffer[first : end - 2].split(b"\r\n"), max_headers)
    return head


def _read_fields(head: ResponseHead, lines: list[bytes], max_headers: int) -> None:
    if len(lines) > max_headers:
        raise Malformed("too many headers", 502)
    keep = head.lines
    special = _SPECIAL.get
    named: list[bytes] = []
    for line in lines:
        name, _, value = line.partition(b":")
        field = special(name.lower())
        if field is None:
            keep.append(line)
        elif field is CONTENT_LENGTH:
            length = content_length(value.strip(b" \t"))
            if head.length >= 0:
                raise Malformed("more than one Content-Length", 502)
            head.length = length
        elif field is CONNECTION:
            named += tokens(value)
        elif field is not DROP and field is not SERVED_BY:
            _rarer_field(head, field, line, value.strip(b" \t"))
    if head.chunked and head.length >= 0:
        raise Malformed("both Content-Length and Transfer-Encoding", 502)
    if named:
        _apply_connection(head, named)


def _rarer_field(head: ResponseHead, field: Field, line: bytes, value: bytes) -> None:
    if field is TRANSFER_ENCODING:
        if value.lower() != b"chunked" or head.chunked:
            raise Malformed("unknown Transfer-Encoding", 502)
        head.chunked = True
    elif field is UPGRADE:
        head.upgrade = value
    elif field is CALL_ID:
        head.call_id = True
        head.lines.append(line)
    elif field is START_TIME:
        head.start_time = True
        head.lines.append(line)


def _apply_connection(head: ResponseHead, named: list[bytes]) -> None:
    if b"close" in named:
        head.keep_alive = False
    elif b"keep-alive" in named:
        head.keep_alive = True
    hop_by_hop = set(named) - {b"close", b"keep-alive", b"upgrade"}
    if hop_by_hop:
        head.lines = [line for line in head.lines if line.partition(b":")[0].lower() not in hop_by_hop]
