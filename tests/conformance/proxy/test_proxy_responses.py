"""Invalid responses of functions: the caller gets 502, or a response that visibly fails, never a wrong one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conformance.proxy.proxy_driver import RunningProxy, get, ok, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import Closed, Wire

OK = b"HTTP/1.1 200 OK\r\n"

MALFORMED: dict[str, bytes] = {
    "not HTTP": b"hello world\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "two-digit status": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "four-digit status": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR in a value": OK + b"A: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n",
    "folded header": OK + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": OK + b"Content-Length : 0\r\n\r\n",
    "header without a colon": OK + b"nonsense\r\n\r\n",
    "NUL in a value": OK + b"A: \x00\r\nContent-Length: 0\r\n\r\n",
    "length and chunked": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two different lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "list of lengths": OK + b"Content-Length: 3, 4\r\n\r\nabcd",
    "negative length": OK + b"Content-Length: -1\r\n\r\n",
    "length beyond any number": OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "unknown coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unexpected upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    "interim responses without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20,
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_response_is_a_bad_gateway(proxy: RunningProxy, replica: Replica, case: str):
    """The caller's connection stays open, the replica's closes."""
    replica.answers(MALFORMED[case])
    client = proxy.connect()

    client.send(get())
    response = client.head()
    while response.status == 103:
        response = client.head()

    assert response.status == 502
    body = client.take(int(response.get("Content-Length") or 0))
    assert body.startswith(b"a replica of function `echo.openfaas-fn` sent a malformed response (")
    assert (response.get("X-OpenFaaS-Internal"), response.get("A")) == ("proxy", None)
    replica.always(ok(b"good"))
    client.send(get())
    assert client.response().body == b"good"
    assert len(replica.connections) == 2


def test_too_large_a_response_head_is_a_bad_gateway(open_proxy: Callable[..., RunningProxy], replica: Replica):
    replica.answers(OK + b"A: " + b"x" * 1000 + b"\r\nContent-Length: 0\r\n\r\n")

    assert open_proxy(max_head_bytes=500).ask(get()).status == 502


def test_too_many_response_headers_are_a_bad_gateway(open_proxy: Callable[..., RunningProxy], replica: Replica):
    replica.answers(OK + b"A: b\r\n" * 300 + b"Content-Length: 0\r\n\r\n")

    assert open_proxy(max_headers=256).ask(get()).status == 502


def test_response_head_in_many_pieces(proxy: RunningProxy, replica: Replica):
    def script(wire: Wire) -> None:
        replica.note(wire.request())
        for byte in ok(b"body", "A: b"):
            wire.send(bytes((byte,)))

    replica.script = script

    assert proxy.ask(get()).body == b"body"


BREAKING_OFF: dict[str, bytes] = {
    "short of its length": OK + b"Content-Length: 10\r\n\r\nabc",
    "before the last chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "within a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "within the trailers": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n",
    "at a bad chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", BREAKING_OFF)
def test_broken_response_does_not_end_cleanly(proxy: RunningProxy, replica: Replica, case: str):
    """The caller cannot mistake the partial response for a complete one."""
    replica.answers(BREAKING_OFF[case])
    client = proxy.connect()

    client.send(get())
    with pytest.raises(Closed):
        client.response()

    assert proxy.codes() == {502: 1}


@pytest.mark.parametrize("case", ["before its answer", "in the head"])
def test_replica_that_dies_before_it_answers_is_a_bad_gateway(proxy: RunningProxy, replica: Replica, case: str):
    replica.answers(b"" if case == "before its answer" else b"HTTP/1.1 200 O")

    response = proxy.ask(get())

    assert response.status == 502
    assert response.body == b"a replica of function `echo.openfaas-fn` closed the connection before it answered\n"


def test_reset_by_a_replica_is_a_bad_gateway(proxy: RunningProxy, replica: Replica):
    replica.script = lambda wire: (wire.request(), wire.reset())[1]

    assert proxy.ask(post(b"x")).status == 502


def test_unsolicited_response_reaches_no_client(
    proxy: RunningProxy, replica: Replica, eventually: Callable[[Callable[[], bool]], None]
):
    """A second response on a kept connection would become the next caller's."""
    gone: list[bool] = []

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(ok(b"first") + ok(b"poison"))
        gone.append(wire.ended())

    replica.script = script

    assert proxy.ask(get()).body == b"first"
    eventually(lambda: bool(gone))
    replica.always(ok(b"second"))
    assert proxy.ask(get()).body == b"second"
    assert gone == [True]


def test_bytes_on_an_idle_connection_reach_no_client(
    proxy: RunningProxy, replica: Replica, eventually: Callable[[Callable[[], bool]], None]
):
    gone: list[bool] = []

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(ok(b"first"))
        assert client.response().body == b"first"
        wire.send(ok(b"poison"))
        gone.append(wire.ended())

    replica.script = script
    client = proxy.connect()

    client.send(get())
    eventually(lambda: bool(gone))
    replica.always(ok(b"second"))

    client.send(get())
    assert client.response().body == b"second"


def test_body_of_a_head_response_reaches_no_client(proxy: RunningProxy, replica: Replica):
    """A response to HEAD with a body, which would be parsed as the next response."""
    replica.answers(ok(b"HTTP/1.1 200 OK\r\nPoison: yes\r\nContent-Length: 0\r\n\r\n"))
    client = proxy.connect()

    client.send(get().replace(b"GET", b"HEAD"))
    assert client.response("HEAD").status == 200
    replica.always(ok(b"good"))
    client.send(get())

    assert client.response().body == b"good"


def test_unknown_status_passes(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 599 What Ever\r\nContent-Length: 1\r\n\r\nx")

    response = proxy.ask(get())

    assert (response.start, response.body) == ("HTTP/1.1 599 What Ever", b"x")


def test_status_without_a_reason_passes(proxy: RunningProxy, replica: Replica):
    replica.always(b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx")

    assert proxy.ask(get()).body == b"x"


def test_early_answer_to_an_upload_reaches_the_client(proxy: RunningProxy, replica: Replica):
    """The function refuses the upload before it has read all of it, and disconnects."""
    replica.script = lambda wire: (wire.head(), wire.send(ok(b"too big").replace(b"200 OK", b"413 Too Large")))[1]
    client = proxy.connect()

    client.send(b"POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
    response = client.response()

    assert (response.status, response.body, response.get("Connection")) == (413, b"too big", "close")
