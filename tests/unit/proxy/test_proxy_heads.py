"""Parsing heads: what is accepted means the same to another strict parser."""

from __future__ import annotations

import contextlib

import httptools
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faas_runtime.gateway.proxy.fields import Malformed
from faas_runtime.gateway.proxy.request_head import RequestHead, find_head_end, parse_request
from faas_runtime.gateway.proxy.response_head import ResponseHead, find_response_end, parse_response

GOOD = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nA: b\r\nConnection: close\r\n\r\n"
FRAGMENTS = [
    b"GET", b"POST", b" ", b"  ", b"\t", b"/", b"/a?b", b"http://h/", b"*", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2",
    b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"Host: h", b"Host:", b"Content-Length: 3", b"Content-Length:3, 3",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Connection: close", b"A: b", b"A : b", b" folded",
    b":", b"\x00", b"\x7f", b"\xff", b"x",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, len(GOOD)), st.integers(0, 6), st.sampled_from(FRAGMENTS)), min_size=1, max_size=3
)


def request(data: bytes) -> RequestHead:
    """The head at the beginning of complete bytes."""
    end = find_head_end(data, 0, 65536)
    if end < 0:
        raise Malformed("incomplete")
    return parse_request(data, end, 100)


def response(data: bytes) -> ResponseHead:
    """The head at the beginning of complete bytes."""
    end = find_response_end(data, 65536)
    assert end > 0
    return parse_response(data, end, 100)


class _Seen:
    """The result of the other parser, which parses heads only."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.complete = True


@given(EDITS)
def test_accepted_input_means_the_same_to_another_parser(edits: list[tuple[int, int, bytes]]):
    data = GOOD
    for at, removed, fragment in edits:
        data = data[:at] + fragment + data[at + removed :]
    try:
        head = request(data)
    except Malformed:
        return
    # The other parser knows a fixed list of methods; the proxy accepts any token.
    assume(head.method in (b"GET", b"POST"))

    seen = _Seen()
    parser = httptools.HttpRequestParser(seen)
    with contextlib.suppress(httptools.HttpParserUpgrade):
        parser.feed_data(data[: data.index(b"\r\n\r\n") + 4])

    assert seen.complete
    assert parser.get_method() == head.method
    assert seen.url.endswith(head.path + head.query)
    lengths = [int(value) for name, value in seen.headers if name == b"content-length"]
    assert lengths == ([head.length] if head.length >= 0 else [])
    assert head.chunked == any(name == b"transfer-encoding" for name, _ in seen.headers)
    passed = [(line.partition(b":")[0].lower(), line.partition(b":")[2].strip(b" \t")) for line in head.lines]
    assert [pair for pair in seen.headers if pair in passed] == passed


@given(st.integers(1, len(GOOD) - 1), st.integers(1, len(GOOD) - 1))
def test_head_in_several_parts_is_the_same_head(first: int, second: int):
    partial = bytearray()
    found = -1
    for start, end in ((0, min(first, second)), (min(first, second), max(first, second)), (max(first, second), None)):
        searched = max(len(partial) - 3, 0)
        partial += GOOD[start:end]
        found = find_head_end(partial, searched, 65536)

    assert found == len(GOOD) - 2


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\nHost: h", b"GET / HTTP/1.1\r\nA: b\rC", b"GET / HTTP/1.1\r\nA: b\n\r"]
)
def test_invalid_head_is_refused_before_its_end(data: bytes):
    with pytest.raises(Malformed, match="bare CR or LF"):
        find_head_end(data, 0, 65536)


def test_request_head_is_parsed():
    head = request(
        b"PUT /p/a?q=1?2 HTTP/1.1\r\nhost: H:1\r\nA:  b \r\nContent-Length: 007\r\nExpect: 100-Continue\r\n"
        b"X-Call-Id: id\r\nConnection: A, keep-alive\r\nB: c\r\n\r\n"
    )

    assert (head.method, head.path, head.query, head.host) == (b"PUT", b"/p/a", b"?q=1?2", b"H:1")
    assert (head.length, head.chunked, head.has_body, head.expects_continue) == (7, False, True, True)
    assert (head.call_id, head.lines, head.keep_alive) == (b"id", [b"X-Call-Id: id", b"B: c"], True)


@pytest.mark.parametrize(
    ("line", "version", "kept"),
    [
        (b"", b"1.1", True),
        (b"", b"1.0", False),
        (b"Connection: close", b"1.1", False),
        (b"Connection: keep-alive", b"1.0", True),
        (b"Connection: keep-alive, close", b"1.1", False),
        (b"Connection: CLOSE", b"1.1", False),
    ],
)
def test_persistence(line: bytes, version: bytes, kept: bool):
    data = b"GET / HTTP/" + version + b"\r\nHost: h\r\n" + (line + b"\r\n" if line else b"") + b"\r\n"

    assert request(data).keep_alive is kept


@pytest.mark.parametrize(
    ("lines", "upgrade"),
    [
        (b"Connection: upgrade\r\nUpgrade: WebSocket\r\n", b"WebSocket"),
        (b"Upgrade: websocket\r\n", b""),
        (b"Connection: close\r\nUpgrade: websocket\r\n", b""),
        (b"Connection: upgrade\r\nUpgrade: h2c\r\n", b""),
        (b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", b""),
    ],
)
def test_upgrade(lines: bytes, upgrade: bytes):
    assert request(b"GET / HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n").upgrade == upgrade


def test_response_head_is_parsed():
    head = response(b"HTTP/1.0 201 Made\r\nContent-Length: 5\r\nA: b\r\nKeep-Alive: x\r\nX-Call-Id: c\r\n\r\n")

    assert (head.status_line, head.status, head.length) == (b"HTTP/1.1 201 Made", 201, 5)
    assert (head.lines, head.keep_alive, head.call_id) == ([b"A: b", b"X-Call-Id: c"], False, True)


@pytest.mark.parametrize(("status", "bodiless"), [(100, True), (200, False), (204, True), (304, True), (404, False)])
def test_statuses_without_a_body(status: int, bodiless: bool):
    assert response(b"HTTP/1.1 %d X\r\n\r\n" % status).bodiless is bodiless


@given(st.binary(max_size=80))
def test_any_bytes_are_parsed_or_malformed(data: bytes):
    for read in (find_head_end, lambda raw, _, limit: find_response_end(raw, limit)):
        with contextlib.suppress(Malformed):
            read(data, 0, 60)
    whole = data + b"\r\n\r\n"
    for parse in (parse_request, parse_response):
        with contextlib.suppress(Malformed):
            parse(whole, whole.index(b"\r\n\r\n") + 2, 10)
