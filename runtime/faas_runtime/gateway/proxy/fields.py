"""Header fields: which bytes they may hold, and which of them a proxy treats specially.

One compiled pattern checks a complete head; only a head that fails is checked line by line, to find the
reason.
"""

from __future__ import annotations

import itertools
import re
from enum import IntEnum

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
FIELD_BLOCK = re.compile(rb"(?:" + TOKEN + rb":[\t\x20-\x7e\x80-\xff]*+\r\n)*+")
"""Zero or more well-formed field lines: no obsolete folding, no space before the colon, no bare CR or LF."""

_TOKEN_ONLY = re.compile(TOKEN)
_BARE_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Malformed(Exception):
    """A head or a body breaks the rules of HTTP/1.1; `status` is what a client gets."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Field(IntEnum):
    """Headers that the proxy handles; every other header is passed on unchanged."""

    HOST = 1
    CONTENT_LENGTH = 2
    TRANSFER_ENCODING = 3
    CONNECTION = 4
    EXPECT = 5
    UPGRADE = 6
    CALL_ID = 7
    START_TIME = 8
    FORWARDED = 9
    TRACEPARENT = 10
    TRACESTATE = 11
    SERVED_BY = 12
    DROP = 13
    AUTHORIZATION = 14


# Looking up a member in its class costs several times the comparison it is for.
(
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    EXPECT,
    UPGRADE,
    CALL_ID,
    START_TIME,
    FORWARDED,
    TRACEPARENT,
    TRACESTATE,
    SERVED_BY,
    DROP,
    AUTHORIZATION,
) = Field


def with_underscores(fields: dict[bytes, Field]) -> dict[bytes, Field]:
    """Add, as dropped, every spelling that becomes the same environment variable as a special header.

    `X_Forwarded_For` and `X-Forwarded-For` are the same variable in a function's
    environment, so the first would forge the second.
    """
    spelled = dict(fields)
    for name in fields:
        parts = name.split(b"-")
        for joints in itertools.product(b"-_", repeat=len(parts) - 1):
            variant = parts[0]
            for joint, part in zip(joints, parts[1:], strict=True):
                variant += bytes((joint,)) + part
            spelled.setdefault(variant, Field.DROP)
    return spelled


def check_no_bare_line_end(data: bytes | bytearray, start: int = 0) -> None:
    """Refuse a bare CR or LF after `start`; a CR at the very end may still get its LF."""
    found = _BARE_LINE_END.search(data, start)
    if found and not (found.start() == len(data) - 1 and data.endswith(b"\r")):
        raise Malformed("a line ends with a bare CR or LF")


def explain(block: bytes) -> Malformed:
    """The reason why `FIELD_BLOCK` does not match a block of field lines."""
    if _BARE_LINE_END.search(block):
        return Malformed("a line ends with a bare CR or LF")
    for line in block.split(b"\r\n"):
        name, colon, _ = line.partition(b":")
        if line[:1] in (b" ", b"\t"):
            return Malformed("obsolete line folding in the headers")
        if not colon:
            return Malformed("a header line without a colon")
        if name[-1:] in (b" ", b"\t"):
            return Malformed("white space between a header's name and its colon")
        if not _TOKEN_ONLY.fullmatch(name):
            return Malformed("a header name with forbidden characters")
    return Malformed("a header value with forbidden characters")


def content_length(value: bytes) -> int:
    """The number in a Content-Length, which must consist of digits only."""
    if not value.isdigit() or len(value) > 18:
        raise Malformed("bad Content-Length")
    return int(value)


def tokens(value: bytes) -> list[bytes]:
    """The lower-case members of a comma-separated list, without empty ones."""
    return [part for part in (item.strip(b" \t") for item in value.lower().split(b",")) if part]
