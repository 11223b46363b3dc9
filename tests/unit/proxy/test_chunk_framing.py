"""The chunk decoder: however the bytes arrive, it returns the encoded data or refuses them."""

from __future__ import annotations

import contextlib
import itertools

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.framing import ChunkedDecoder, chunks, last_chunk
from faas_runtime.gateway.proxy.settings import ProxySettings

PIECES = st.lists(st.binary(min_size=1, max_size=50), max_size=8)
CUTS = st.lists(st.integers(min_value=0, max_value=600), max_size=12)
SIZES = st.sampled_from(["%x", "%X", "000%x"])
FRAGMENTS = [
    b"0",
    b"1",
    b"3",
    b"a",
    b"abc",
    b"f",
    b"\r\n",
    b"\r",
    b"\n",
    b";",
    b" ",
    b"x",
    b"A: b",
    b":",
    b"\x00",
    b"-",
]
EXTENSION = st.sampled_from([b"", b";", b";a=b", b'; a="b c"', b";\xff"])


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data, cut at these offsets."""
    edges = [0, *sorted(at for at in cuts if at < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def decode(data: bytes, cuts: list[int]) -> tuple[bytes, ChunkedDecoder]:
    """The result of decoding data that arrives in these parts."""
    decoder = ChunkedDecoder(ProxySettings().max_trailer_bytes)
    body = b""
    for piece in cut(data, cuts):
        if decoder.done:
            decoder.leftover += piece
        else:
            body += b"".join(decoder.feed(piece))
    return body, decoder


@given(PIECES, CUTS, SIZES, EXTENSION, st.binary(max_size=20))
def test_body_is_decoded_unchanged(pieces: list[bytes], cuts: list[int], size: str, extension: bytes, rest: bytes):
    lines = [b"%b%b\r\n%b\r\n" % ((size % len(piece)).encode(), extension, piece) for piece in pieces]
    wire = b"".join(lines) + b"0" + extension + b"\r\n\r\n" + rest

    body, decoder = decode(wire, cuts)

    assert (body, decoder.done, decoder.leftover) == (b"".join(pieces), True, rest)


@given(PIECES, CUTS)
def test_encoded_chunks_are_decoded(pieces: list[bytes], cuts: list[int]):
    wire = b"".join(chunks([piece]) for piece in pieces) + last_chunk([b"A: b"])

    body, decoder = decode(wire, cuts)

    assert (body, decoder.trailers) == (b"".join(pieces), [b"A: b"])


@given(
    st.lists(
        st.sampled_from(FRAGMENTS),
        max_size=14,
    ).map(b"".join),
    CUTS,
)
@example(b"3\r\nabc\r\n0\r\n\r\n", [4])
def test_accepted_input_means_the_same_to_another_parser(wire: bytes, cuts: list[int]):
    """Independent of how it arrives."""
    try:
        body, decoder = decode(wire, cuts)
    except Malformed:
        with pytest.raises(Malformed):
            decode(wire, [])
        return

    assert decode(wire, [])[0] == body
    if decoder.done:
        assert _other_parser(wire[: len(wire) - len(decoder.leftover)]) == body


class _Collector:
    def __init__(self) -> None:
        self.body = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def _other_parser(wire: bytes) -> bytes:
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    parser.feed_data(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
    assert collector.complete
    return collector.body


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_malformed(wire: bytes):
    with contextlib.suppress(Malformed):
        assert len(decode(wire, [])[0]) <= len(wire)


def test_pending_bytes_stay_small():
    """A size line without an end is refused before it needs memory."""
    decoder = ChunkedDecoder(ProxySettings().max_trailer_bytes)

    def feed() -> None:
        for _ in range(100):
            decoder.feed(b"1;" if not decoder._pending else b"x" * 100)

    with pytest.raises(Malformed, match="bad chunk size"):
        feed()


def test_several_parts_become_one_chunk():
    assert chunks([b"ab", b"c"]) == b"3\r\nabc\r\n"
    assert chunks([]) == b""


def test_forbidden_trailers_are_dropped():
    decoder = ChunkedDecoder(ProxySettings().max_trailer_bytes)

    decoder.feed(b"0\r\nContent-Length: 3\r\nDigest: x\r\nCookie: y\r\n\r\n")

    assert decoder.trailers == [b"Digest: x"]
