"""What a caller sees when something breaks, and what nobody must see."""

import contextlib
import socket
import threading
import time

import pytest

from .conftest import LIMIT, OK, eventually, request


def accepts(door):
    try:
        door.connect().close()
    except OSError:
        return False
    return True


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_a_replica_that_refuses_is_passed_over(door, upstream):
    """The call goes to another one; nothing had been sent yet."""
    door.apply(door.route(free_port(), upstream.port))
    for _ in range(6):
        assert door.exchange(request("POST", body=b"x"))[0].status == 200
    assert len(upstream.heads) == 6


def test_no_replica_answers(door):
    """502, and where it failed."""
    door.apply(door.route(free_port()))
    head, body = door.exchange(request())
    assert head.status in (502, 503)
    assert b"fn" in body


def test_a_kept_connection_that_died_is_replaced(door, upstream):
    """The upstream closes after each answer; every call succeeds all the same."""

    def serve(peer):
        upstream.read(peer)
        peer.send(OK)

    upstream.serve = serve
    peer = door.connect()
    for _ in range(5):
        peer.send(request())
        assert peer.body(peer.head()) == b"ok"


def test_an_answer_that_breaks_off_is_not_ended_cleanly(door, upstream):
    """Half a body must not look like a whole one."""

    def serve(peer):
        upstream.read(peer)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    upstream.serve = serve
    peer = door.connect()
    peer.send(request())
    peer.head()
    rest = peer.rest()
    assert b"hello" in rest
    assert not rest.endswith(b"0\r\n\r\n")


def test_an_upstream_that_dies_before_it_answers(door, upstream):
    """502; a call that may have had an effect is not made twice."""

    def serve(peer):
        upstream.read(peer)

    upstream.serve = serve
    assert door.exchange(request("POST", body=b"x"))[0].status == 502
    assert len(upstream.heads) == 1


def test_a_function_that_takes_too_long(make_door, upstream):
    """504, naming the hop and the key to change."""
    release = threading.Event()

    def serve(peer):
        upstream.read(peer)
        release.wait(LIMIT)

    upstream.serve = serve
    door = make_door(upstream_timeout=0.2)
    head, body = door.exchange(request())
    release.set()
    assert head.status == 504
    assert b"timeout" in body


def test_a_functions_own_timeout_wins(door, upstream):
    """`timeout` of the stack file."""
    release = threading.Event()

    def serve(peer):
        upstream.read(peer)
        release.wait(LIMIT)

    upstream.serve = serve
    door.apply(door.route(upstream.port, timeout=0.2))
    assert door.exchange(request())[0].status == 504
    release.set()


def test_a_client_that_leaves_cancels_its_call(door, upstream):
    """The function's connection is closed."""
    gone = threading.Event()

    def serve(peer):
        upstream.read(peer)
        if peer.sock.recv(1) == b"":
            gone.set()

    upstream.serve = serve
    peer = door.connect()
    peer.send(request())
    eventually(lambda: upstream.heads)
    peer.close()
    assert gone.wait(LIMIT)


def test_a_slow_head_is_cut_off(make_door):
    """A client that sends a byte now and then holds nothing for long."""
    door = make_door(head_timeout=0.3)
    peer = door.connect()
    begun = time.monotonic()
    try:
        for byte in request() * 10:
            peer.send(bytes([byte]))
            time.sleep(0.05)
            if time.monotonic() - begun > 5:
                pytest.fail("it was let in")
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert time.monotonic() - begun < 5


def test_an_idle_connection_is_closed(make_door):
    """After its time."""
    peer = make_door(idle_timeout=0.2).connect()
    assert peer.closed()


def test_a_slow_reader_stops_the_function(door, upstream):
    """Backpressure: what nobody reads is not piled up here."""
    sent = []

    def serve(peer):
        upstream.read(peer)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        block = b"x" * 65536
        peer.sock.settimeout(0.5)
        try:
            for _ in range(15000):
                peer.send(block)
                sent.append(len(block))
        except TimeoutError:
            pass

    upstream.serve = serve
    peer = door.connect()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.send(request())
    time.sleep(1.5)
    assert sum(sent) < 40_000_000


def test_a_slow_function_stops_the_upload(door, upstream):
    """Backpressure the other way."""
    release = threading.Event()

    def serve(peer):
        peer.head()
        release.wait(LIMIT)

    upstream.serve = serve
    peer = door.connect()
    peer.sock.settimeout(0.5)
    peer.send(request("POST", fields=["Content-Length: 1000000000"]))
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 1_000_000_000:
            sent += peer.sock.send(b"x" * 65536)
    release.set()
    assert sent < 40_000_000


def test_a_call_waits_for_a_function_scaled_to_zero(door, upstream):
    """Callers share wake-ups, and all are answered."""
    door.apply(door.route(replicas=0))
    results = []
    callers = [threading.Thread(target=lambda: results.append(door.exchange(request())[0].status)) for _ in range(10)]
    for caller in callers:
        caller.start()
    eventually(lambda: door.woken)
    door.apply(door.route(upstream.port))
    for caller in callers:
        caller.join(LIMIT)
    assert results == [200] * 10
    assert len(door.woken) < 10


def test_waiting_has_an_end(make_door):
    """A function that does not come up is told so."""
    door = make_door(ready_timeout=0.2)
    door.apply(door.route(replicas=0))
    assert door.exchange(request())[0].status in (503, 504)


def test_a_draining_replica_gets_no_new_calls(door, upstream, control):
    """It finishes the one it has."""
    release = threading.Event()

    def serve(peer):
        upstream.read(peer)
        release.wait(LIMIT)
        peer.send(OK)

    upstream.serve = serve
    first = door.connect()
    first.send(request())
    eventually(lambda: upstream.heads)
    door.apply(door.route(control.port))
    assert door.exchange(request())[1] == b"control"
    release.set()
    assert first.body(first.head()) == b"ok"


def test_least_loaded_replica_first(door, upstream, control):
    """A replica that is busy with a call does not get the next."""
    release = threading.Event()

    def busy(peer):
        upstream.read(peer)
        release.wait(LIMIT)
        peer.send(OK)

    upstream.serve = busy
    door.apply(door.route(upstream.port))
    first = door.connect()
    first.send(request())
    eventually(lambda: upstream.heads)
    door.apply(door.route(upstream.port, control.port))
    for _ in range(8):
        assert door.exchange(request())[1] == b"control"
    release.set()
    assert first.body(first.head()) == b"ok"


def test_stopping_finishes_what_runs(door, upstream):
    """Nobody new is let in, and who is in is answered."""
    release = threading.Event()

    def serve(peer):
        upstream.read(peer)
        release.wait(LIMIT)
        peer.send(OK)

    upstream.serve = serve
    peer = door.connect()
    peer.send(request())
    eventually(lambda: upstream.heads)
    stopping = door.begin_stop(LIMIT)
    eventually(lambda: not accepts(door))
    release.set()
    head = peer.head()
    assert peer.body(head) == b"ok"
    stopping.result(LIMIT)
    assert peer.closed()


def test_internal_functions_cannot_be_called_from_outside(door, upstream):
    """`expose: internal`."""
    door.apply(door.route(upstream.port, internal=True))
    assert door.exchange(request())[0].status in (403, 404)
    assert upstream.heads == []


def test_too_many_connections(make_door):
    """503 for one more, and those that are in go on."""
    door = make_door(max_connections=2)
    peers = [door.connect() for _ in range(2)]
    for peer in peers:
        peer.send(request())
        assert peer.head().status == 200
        peer.exactly(2)
    extra = door.connect()
    assert extra.rest().startswith((b"HTTP/1.1 503", b""))
    peers[0].send(request())
    assert peers[0].head().status == 200
