"""Body framing: decodes chunked bodies and encodes chunks.

A body is decoded and encoded again rather than copied, so the output is well formed whatever the input was:
chunk extensions are dropped, and sizes are written in one way only.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from faas_runtime.gateway.proxy.fields import FIELD_BLOCK, Malformed, explain

LAST_CHUNK = b"0\r\n\r\n"

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_MAX_SIZE_LINE_BYTES = 1024
_MAX_EXTENSION_BYTES = 16 * 1024

_FORBIDDEN_TRAILERS = re.compile(
    rb"(?i)(?:content-(?:length|encoding|type|range)|transfer-encoding|host|connection|keep-alive|te|trailer|upgrade"
    rb"|expect|authorization|cookie|set-cookie|proxy-[a-z]+|cache-control|forwarded|age|date|location|vary"
    rb"|x[-_]forwarded[-_][a-z]+|x[-_]call[-_]id|x[-_]start[-_]time|x[-_]served[-_]by|x[-_]openfaas[-_]internal)"
)


class _Expecting(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILERS = auto()


class ChunkedDecoder:
    """Decodes a chunked body as it arrives.

    After `done`, `leftover` holds the bytes after the body and `trailers` the trailer lines that may be
    passed on.
    """

    __slots__ = (
        "_expecting",
        "_max_trailer_bytes",
        "_overhead",
        "_pending",
        "_remaining",
        "done",
        "leftover",
        "trailers",
    )

    def __init__(self, max_trailer_bytes: int) -> None:
        self._max_trailer_bytes = max_trailer_bytes
        self._expecting = _Expecting.SIZE
        self._remaining = 0
        self._pending = b""
        self._overhead = 0
        self.done = False
        self.leftover = b""
        self.trailers: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The parts of the body in these bytes. Raises Malformed."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        parts: list[bytes] = []
        position = 0
        while not self.done:
            before = position
            if self._expecting is _Expecting.DATA:
                part = data[position : position + self._remaining]
                if part:
                    parts.append(part)
                    position += len(part)
                    self._remaining -= len(part)
                if not self._remaining:
                    self._expecting = _Expecting.DATA_END
            elif self._expecting is _Expecting.SIZE:
                position = self._size(data, position)
            elif self._expecting is _Expecting.DATA_END:
                position = self._data_end(data, position)
            else:
                position = self._trailers(data, position)
            if position == before:
                break
        if self.done:
            self.leftover = data[position:]
        elif position < len(data):
            self._pending = data[position:]
        return parts

    def _size(self, data: bytes, position: int) -> int:
        matched = _SIZE_LINE.match(data, position)
        if matched is None:
            line = data[position : position + _MAX_SIZE_LINE_BYTES + 2]
            if b"\n" in line or len(line) > _MAX_SIZE_LINE_BYTES or not _may_become_size_line(line):
                raise Malformed("bad chunk size")
            return position
        if matched.end() - position > _MAX_SIZE_LINE_BYTES:
            raise Malformed("chunk extensions too long")
        self._remaining = int(matched[1], 16)
        # Extensions are ignored; a client that sends more of them than data is an attacker.
        if matched[2]:
            self._overhead += len(matched[2])
        self._overhead = max(self._overhead - self._remaining, 0)
        if self._overhead > _MAX_EXTENSION_BYTES:
            raise Malformed("too many chunk extensions")
        self._expecting = _Expecting.DATA if self._remaining else _Expecting.TRAILERS
        return matched.end()

    def _data_end(self, data: bytes, position: int) -> int:
        end = data[position : position + 2]
        if end == b"\r\n":
            self._expecting = _Expecting.SIZE
            return position + 2
        if end not in (b"", b"\r"):
            raise Malformed("a chunk is longer than its size")
        return position

    def _trailers(self, data: bytes, position: int) -> int:
        if data.startswith(b"\r\n", position):
            self.done = True
            return position + 2
        end = data.find(b"\r\n\r\n", position)
        if (end if end >= 0 else len(data)) - position > self._max_trailer_bytes:
            raise Malformed("the trailers are too large", 431)
        if end < 0:
            if b"\n" in data[position:].replace(b"\r\n", b""):
                raise Malformed("a line ends with a bare CR or LF")
            return position
        if FIELD_BLOCK.fullmatch(data, position, end + 2) is None:
            raise explain(data[position:end])
        lines = data[position:end].split(b"\r\n")
        self.trailers = [line for line in lines if not _FORBIDDEN_TRAILERS.fullmatch(line.partition(b":")[0])]
        self.done = True
        return end + 4


def _may_become_size_line(line: bytes) -> bool:
    return not line or _PARTIAL_SIZE_LINE.fullmatch(line) is not None


_PARTIAL_SIZE_LINE = re.compile(rb"[0-9A-Fa-f]{1,15}(?:;[\t\x20-\x7e\x80-\xff]*)?\r?")


def chunks(parts: list[bytes]) -> bytes:
    """One chunk with all the parts; empty without parts."""
    if not parts:
        return b""
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: list[bytes]) -> bytes:
    """The end of a chunked body."""
    if not trailers:
        return LAST_CHUNK
    return b"0\r\n%b\r\n\r\n" % b"\r\n".join(trailers)
