"""A request's body on its way through: taken apart as it comes, framed anew."""

from __future__ import annotations

from faas_runtime.gateway.proxy.framing import ChunkedDecoder, chunks, last_chunk
from faas_runtime.gateway.proxy.request_head import RequestHead


class Upload:
    """Finds the end of a body. After `complete`, `leftover` holds the bytes that follow it."""

    __slots__ = ("_decoder", "_remaining", "complete", "leftover")

    def __init__(self, head: RequestHead, max_trailer_bytes: int) -> None:
        self._decoder = ChunkedDecoder(max_trailer_bytes) if head.chunked else None
        self._remaining = head.length
        self.complete = False
        self.leftover = b""

    def feed(self, data: bytes) -> bytes:
        """What these bytes are to a replica. Raises Malformed."""
        decoder = self._decoder
        if decoder is not None:
            out = chunks(decoder.feed(data))
            if decoder.done:
                out += last_chunk(decoder.trailers)
                self.leftover = decoder.leftover
                self.complete = True
            return out
        remaining = self._remaining - len(data)
        if remaining > 0:
            self._remaining = remaining
            return data
        self.complete = True
        if remaining < 0:
            self.leftover = data[self._remaining :]
            data = data[: self._remaining]
        return data
