"""Chunked bodies that two parsers could read differently."""

from __future__ import annotations

import queue

import pytest

from tests.conformance.proxy.proxy_driver import RunningProxy, get
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import PATIENCE, Closed, Wire

HEAD = b"POST /function/echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKS_REFUSED: dict[str, bytes] = {
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "letters": b"xyz\r\nabc\r\n0\r\n\r\n",
    "sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "minus": b"-3\r\nabc\r\n0\r\n\r\n",
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "space behind": b"3 \r\nabc\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
    "too many digits": b"0" * 16 + b"3\r\nabc\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "bare LF": b"3\nabc\r\n0\r\n\r\n",
    "bare LF behind an extension": b"3;x\nabc\r\n0\r\n\r\n",
    "bare CR in an extension": b"3;x\ry\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": b"3;\x00\r\nabc\r\n0\r\n\r\n",
    "longer than its size": b"3\r\nabcd\r\n0\r\n\r\n",
    "shorter than its size": b"4\r\nabc\r\n0\r\n\r\n",
    "data ended by LF": b"3\r\nabc\n0\r\n\r\n",
    "data ended by CR": b"3\r\nabc\rX0\r\n\r\n",
    "endless extension": b"3;" + b"x" * 2000 + b"\r\nabc\r\n0\r\n\r\n",
    "nothing but extensions": b"".join(b"1;" + b"x" * 1000 + b"\r\na\r\n" for _ in range(64)) + b"0\r\n\r\n",
    "trailer without a colon": b"0\r\nnonsense\r\n\r\n",
    "folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "trailer ended by LF": b"0\r\nA: b\n\r\n\r\n",
    "NUL in a trailer": b"0\r\nA: \x00\r\n\r\n",
    "trailer with a space before the colon": b"0\r\nA : b\r\n\r\n",
    "endless trailers": b"0\r\n" + b"A: b\r\n" * 4000 + b"\r\n",
}


@pytest.mark.parametrize("case", CHUNKS_REFUSED)
def test_invalid_chunks_are_refused(proxy: RunningProxy, replica: Replica, case: str):
    """The function receives neither such a body nor a request smuggled after it."""
    client = proxy.connect()

    client.send(HEAD + CHUNKS_REFUSED[case] + get("/function/echo/smuggled"))

    assert client.response().status in (400, 431)
    assert client.ended()
    assert replica.saw_nothing()


@pytest.mark.parametrize("case", CHUNKS_REFUSED)
def test_invalid_chunks_abort_a_running_call(proxy: RunningProxy, replica: Replica, case: str):
    """The function has read part of the body: its connection breaks, the body does not end."""
    received: queue.Queue[bytes] = queue.Queue()

    def script(wire: Wire) -> None:
        received.put(wire.until(b"5\r\nfirst\r\n"))
        try:
            received.put(wire.rest())
        except Closed as closed:
            received.put(closed.data)

    replica.script = script
    client = proxy.connect()
    client.send(HEAD + b"5\r\nfirst\r\n")
    received.get(timeout=PATIENCE)

    client.send(CHUNKS_REFUSED[case])

    assert client.response().status in (400, 431)
    assert not received.get(timeout=PATIENCE).endswith(b"0\r\n\r\n")


def test_chunk_extensions_are_dropped(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(HEAD + b'3;a=b;c="d"\r\nabc\r\n0;z\r\n\r\n')

    assert client.response().body == b"abc"
    assert replica.saw().body == b"abc"


def test_trailers_that_could_change_the_request_are_dropped(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()
    forbidden = b"Content-Length: 9\r\nTransfer-Encoding: x\r\nHost: evil\r\nAuthorization: y\r\nX-Call-Id: z\r\n"

    client.send(HEAD + b"0\r\n" + forbidden + b"X-Forwarded-For: 1\r\nDigest: ok\r\n\r\n")

    assert client.response().status == 200
    assert replica.saw().trailers == [("Digest", "ok")]
