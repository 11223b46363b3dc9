"""Streaming bodies: events, tunnels, pipelined calls, half-closed clients, flow control."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest

from tests.conformance.proxy.proxy_driver import RunningProxy, chunked, get, ok, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import PATIENCE, Closed, Wire

Eventually = Callable[[Callable[[], bool]], None]
OpenProxy = Callable[..., RunningProxy]
WEBSOCKET = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: abc")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


# Without delay.


@pytest.mark.parametrize("framing", ["chunked", "until the end"])
def test_events_arrive_one_by_one(proxy: RunningProxy, replica: Replica, framing: str):
    """The client has each event before the function sends the next one."""
    next_one = threading.Semaphore(0)

    def script(wire: Wire) -> None:
        wire.request()
        coding = b"Transfer-Encoding: chunked\r\n" if framing == "chunked" else b""
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + coding + b"\r\n")
        for number in range(5):
            assert next_one.acquire(timeout=PATIENCE)
            event = b"data: %d\n\n" % number
            wire.send(b"%x\r\n%b\r\n" % (len(event), event) if coding else event)
        wire.send(b"0\r\n\r\n" if coding else b"")

    replica.script = script
    client = proxy.connect()

    client.send(get("/function/echo", "Accept: text/event-stream"))
    assert client.head().get("Content-Type") == "text/event-stream"
    for number in range(5):
        next_one.release()
        client.until(b"data: %d\n\n" % number)
    client.until(b"0\r\n\r\n")


def test_head_arrives_before_the_body(proxy: RunningProxy, replica: Replica):
    go_on = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        assert go_on.wait(PATIENCE)
        wire.send(b"body")

    replica.script = script
    client = proxy.connect()

    client.send(get())
    assert client.head().status == 200
    go_on.set()
    assert client.take(4) == b"body"


def test_upload_is_streamed(proxy: RunningProxy, replica: Replica):
    seen: queue.Queue[bytes] = queue.Queue()

    def script(wire: Wire) -> None:
        wire.head()
        while True:
            seen.put(wire.take(3))

    replica.script = script
    client = proxy.connect()

    client.send(b"POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
    for piece in (b"one", b"two", b"six"):
        client.send(piece)
        assert seen.get(timeout=PATIENCE) == piece


def test_request_and_response_stream_at_the_same_time(proxy: RunningProxy, replica: Replica):
    """A conversation within one call: the response begins before the request ends."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(wire.until(b"\r\n"), 16):
            word = wire.take(size + 2)[:-2]
            wire.send(b"%x\r\n%b\r\n" % (len(word), word.upper()))
        wire.send(b"0\r\n\r\n")

    replica.script = script
    client = proxy.connect()

    client.send(chunked().removesuffix(b"0\r\n\r\n"))
    assert client.head().status == 200
    for word in (b"how", b"are", b"you"):
        client.send(b"3\r\n" + word + b"\r\n")
        assert client.until(b"\r\n" + word.upper() + b"\r\n")
    client.send(b"0\r\n\r\n")
    assert client.until(b"0\r\n\r\n")
    client.send(get())
    assert client.head().status == 200


# Upgrades.


def tunnel(replica: Replica) -> None:
    """Accept an upgrade, then echo everything in capitals until the end."""

    def script(wire: Wire) -> None:
        replica.note(wire.request())
        wire.send(SWITCHING + b"WELCOME")
        while wire.buffer or wire.more():
            wire.send(wire.buffer.upper())
            wire.buffer = b""
        wire.send(b"BYE")

    replica.script = script


def test_websocket_is_a_tunnel(proxy: RunningProxy, replica: Replica):
    tunnel(replica)
    client = proxy.connect()

    client.send(get("/function/echo/chat", *WEBSOCKET))
    response = client.head()
    request = replica.saw()

    assert (response.status, response.get("Upgrade"), response.get("Connection")) == (101, "websocket", "Upgrade")
    assert (request.start, request.get("Upgrade")) == ("GET /chat HTTP/1.1", "websocket")
    assert (request.get("Connection"), request.get("Sec-WebSocket-Key")) == ("Upgrade", "abc")
    assert client.take(7) == b"WELCOME"
    for word in (b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256))):
        client.send(word)
        assert client.take(len(word)) == word.upper()


def test_bytes_sent_with_the_upgrade_request_are_tunnelled(proxy: RunningProxy, replica: Replica):
    tunnel(replica)
    client = proxy.connect()

    client.send(get("/function/echo", *WEBSOCKET) + b"early")

    assert client.head().status == 101
    assert client.take(12) == b"WELCOMEEARLY"


def test_client_may_half_close_a_tunnel(proxy: RunningProxy, replica: Replica, eventually: Eventually):
    tunnel(replica)
    client = proxy.connect()
    client.send(get("/function/echo", *WEBSOCKET))
    client.until(b"WELCOME")

    client.send(b"last")
    client.finish()

    assert client.rest() == b"LASTBYE"
    eventually(lambda: proxy.codes() == {101: 1})


def test_tunnel_ends_with_its_client(proxy: RunningProxy, replica: Replica, eventually: Eventually):
    left: queue.Queue[bool] = queue.Queue()
    replica.script = lambda wire: (wire.request(), wire.send(SWITCHING), left.put(wire.ended()))[2]
    client = proxy.connect()
    client.send(get("/function/echo", *WEBSOCKET))
    client.head()

    client.reset()

    assert left.get(timeout=PATIENCE)
    eventually(lambda: proxy.in_flight() == 0)


def test_tunnel_ends_with_its_function(proxy: RunningProxy, replica: Replica):
    replica.answers(SWITCHING + b"and bye")
    client = proxy.connect()

    client.send(get("/function/echo", *WEBSOCKET))

    assert client.head().status == 101
    assert client.rest() == b"and bye"


def test_silent_tunnel_is_closed(open_proxy: OpenProxy, replica: Replica):
    tunnel(replica)
    client = open_proxy(tunnel_idle_timeout=0.2).connect()

    client.send(get("/function/echo", *WEBSOCKET))
    client.until(b"WELCOME")

    assert client.ended()


def test_call_timeout_does_not_apply_to_tunnels(open_proxy: OpenProxy, replica: Replica):
    tunnel(replica)
    client = open_proxy(upstream_timeout=0.2).connect()

    client.send(get("/function/echo", *WEBSOCKET))
    client.until(b"WELCOME")

    assert client.quiet(0.4)
    client.send(b"still there")
    assert client.take(11) == b"STILL THERE"


def test_refused_upgrade_is_an_ordinary_call(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(get("/function/echo", *WEBSOCKET))
    assert client.response().status == 200
    client.send(post(b"next"))
    assert client.response().body == b"next"


@pytest.mark.parametrize("protocol", ["h2c", "websocket, h2c", "TLS/1.0"])
def test_other_protocols_are_not_tunnelled(proxy: RunningProxy, replica: Replica, protocol: str):
    """HTTP/2 in a tunnel would bypass every check of the proxy."""
    assert proxy.ask(get("/function/echo", "Connection: Upgrade", f"Upgrade: {protocol}")).status == 200
    assert replica.saw().get("Upgrade") is None


def test_tunnel_has_flow_control(proxy: RunningProxy, replica: Replica):
    """Neither side reads for a while: both senders are paused, then everything arrives."""
    size = 8 * 1024 * 1024

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(SWITCHING)
        wire.send(bytes(size))
        assert wire.take(size) == bytes(size)
        wire.send(b"done")

    replica.script = script
    client = proxy.connect()
    client.send(get("/function/echo", *WEBSOCKET))
    client.head()
    sending = threading.Thread(target=client.send, args=(bytes(size),))
    sending.start()

    assert client.take(size) == bytes(size)
    sending.join(PATIENCE)
    assert client.take(4) == b"done"


# Pipelining.


def test_pipelined_calls_are_answered_in_order(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()
    bodies = [b"%d" % number * 100 for number in range(50)]

    client.send(b"".join(post(body) for body in bodies))

    assert [client.response().body for _ in bodies] == bodies


def test_pipelined_calls_of_every_kind(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(get() + chunked(b"a", b"b") + post(b"c", path="/function/ghost") + post(b"d") + get("//") + get())

    assert [client.response().status for _ in range(6)] == [200, 200, 404, 200, 301, 200]


def test_pipelined_call_waits_for_the_previous_one(proxy: RunningProxy, replica: Replica):
    go_on = threading.Event()

    def script(wire: Wire) -> None:
        replica.note(wire.request())
        assert go_on.wait(PATIENCE)
        assert replica.saw_nothing()
        wire.send(ok(b"first"))
        replica.note(wire.request())
        wire.send(ok(b"second"))

    replica.script = script
    client = proxy.connect()

    client.send(get() + get())
    replica.saw()
    go_on.set()

    assert [client.response().body, client.response().body] == [b"first", b"second"]


def test_refused_request_after_a_valid_one(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(get() + b"nonsense\r\n\r\n" + get())

    assert [client.response().status, client.response().status] == [200, 400]
    assert client.ended()


def test_nothing_is_served_after_a_close(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(get("/function/echo", "Connection: close") + get())

    assert client.response().status == 200
    assert client.ended()


def test_reading_from_a_pipelining_client_is_paused(open_proxy: OpenProxy, replica: Replica):
    """It can send only a limited amount before its writes block."""
    go_on = threading.Event()
    replica.script = lambda wire: (replica.note(wire.request()), go_on.wait(PATIENCE), wire.send(ok(b"")))[2]
    client = open_proxy().connect()
    client.sock.settimeout(0.3)
    sent = 0

    def send_without_end() -> None:
        nonlocal sent
        while sent < 200_000_000:
            sent += client.sock.send(get() * 1000)

    with pytest.raises(TimeoutError):
        send_without_end()

    assert sent < 30_000_000
    go_on.set()


# Half-closed clients.


@pytest.mark.parametrize("request_", [get(), post(b"body"), chunked(b"body"), post(b"a") + post(b"b")])
def test_half_closed_client_gets_its_responses(proxy: RunningProxy, replica: Replica, request_: bytes):
    client = proxy.connect()

    client.send(request_)
    client.finish()
    answers = client.rest()

    assert answers.count(b"HTTP/1.1 200 OK") == request_.count(b" HTTP/1.1")


def test_half_closed_client_waits_for_a_slow_function(proxy: RunningProxy, replica: Replica):
    """It has not disconnected: the call is not cancelled."""
    replica.script = lambda wire: (wire.request(), wire.quiet(0.5), wire.send(ok(b"slow")))[2]
    client = proxy.connect()

    client.send(get())
    client.finish()

    assert client.rest().endswith(b"slow")


def test_half_closed_http10_client_gets_its_response(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()

    client.send(b"POST /function/echo HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody")
    client.finish()

    assert client.rest().endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize("part", [b"", b"G", b"GET /function/echo HTTP/1.1\r\nHost: h\r\n"])
def test_client_that_stops_within_a_head_is_closed(proxy: RunningProxy, replica: Replica, part: bytes):
    client = proxy.connect()

    client.send(part)
    client.finish()

    assert client.ended()


# Flow control.


def test_slow_function_stops_an_upload(proxy: RunningProxy, replica: Replica):
    go_on = threading.Event()
    size = 200_000_000

    def script(wire: Wire) -> None:
        wire.head()
        assert go_on.wait(PATIENCE)
        left = size - len(wire.buffer)
        while left > 0:
            wire.buffer = b""
            left -= len(wire.more())
        wire.send(ok(b"all of it"))

    replica.script = script
    client = proxy.connect()
    client.send(b"POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
    sent = _send_until_stopped(client, size)

    assert sent < 30_000_000
    go_on.set()
    piece = bytes(1_000_000)
    while sent < size:
        sent += client.sock.send(piece[: size - sent])
    assert client.response().body == b"all of it"


def test_upload_waits_for_a_replica_in_bounded_memory(proxy: RunningProxy, replica: Replica):
    proxy.replicas(desired=1)
    client = proxy.connect()
    size = 100_000_000
    client.send(b"POST /function/echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)

    assert _send_until_stopped(client, size) < 15_000_000


def _send_until_stopped(client: Wire, size: int) -> int:
    """Number of bytes sent until the other side accepted no more for a while."""
    client.sock.settimeout(0.3)
    sent, piece = 0, bytes(65536)
    try:
        while sent < size:
            sent += client.sock.send(piece[: size - sent])
    except TimeoutError:
        pass
    client.sock.settimeout(PATIENCE)
    return sent


def test_slow_client_stops_the_function(proxy: RunningProxy, replica: Replica):
    size = 200_000_000
    sent = 0
    stopped = threading.Event()

    def script(wire: Wire) -> None:
        nonlocal sent
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        sent = _send_until_stopped(wire, size)
        stopped.set()
        piece, left = bytes(1_000_000), size - sent
        while left > 0:
            left -= wire.sock.send(piece[:left])

    replica.script = script
    client = proxy.connect()
    client.send(get())
    assert client.head().status == 200
    assert stopped.wait(PATIENCE)
    before = sent

    left = size - len(client.buffer)
    while left > 0:
        client.buffer = b""
        left -= len(client.more())

    assert before < 30_000_000


def test_client_that_leaves_while_it_is_too_slow(proxy: RunningProxy, replica: Replica, eventually: Eventually):
    left: queue.Queue[bool] = queue.Queue()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                wire.send(bytes(1_000_000))
        except (OSError, Closed):
            left.put(True)

    replica.script = script
    client = proxy.connect()
    client.send(get())
    client.head()

    client.close()

    assert left.get(timeout=PATIENCE)
    eventually(lambda: proxy.in_flight() == 0)
