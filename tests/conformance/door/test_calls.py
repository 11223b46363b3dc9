"""Ordinary calls: what a function receives, and what its caller gets back."""

import hashlib
import os
import threading

import pytest

from .conftest import OK, eventually, request


def test_a_call_and_its_answer(door, upstream):
    """Method, path, query and body arrive; status and body come back."""
    head, body = door.exchange(request("POST", "/function/fn/a/b?x=1&y=%20", b"hello"))
    assert (head.status, body) == (200, b"ok")
    assert upstream.heads[0].line == "POST /a/b?x=1&y=%20 HTTP/1.1"
    assert upstream.bodies == [b"hello"]


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/function/fn", "/"),
        ("/function/fn/", "/"),
        ("/function/fn?a=b", "/?a=b"),
        ("/function/fn.openfaas-fn/x", "/x"),
        ("/function/fn/a%2Fb%25c", "/a%2Fb%25c"),
        ("http://example.com/function/fn/x", "/x"),
    ],
)
def test_the_path_a_function_sees(door, upstream, target, seen):
    """Without the prefix, and with its percent-encoding as it was sent."""
    head, _ = door.exchange(request(target=target))
    assert head.status == 200
    assert upstream.heads[0].line.split()[1] == seen


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PURGE"])
def test_every_method_is_passed_on(door, upstream, method):
    """Even one nobody has heard of."""
    head, _ = door.exchange(request(method))
    assert head.status == 200
    assert upstream.heads[0].line.startswith(f"{method} ")


def test_everything_else_goes_to_the_control_room(door, control):
    """Path and query unchanged."""
    head, body = door.exchange(request(target="/system/functions?namespace=x"))
    assert (head.status, body) == (200, b"control")
    assert control.heads[0].line == "GET /system/functions?namespace=x HTTP/1.1"


def test_unknown_function(door):
    """404, and its name."""
    head, body = door.exchange(request(target="/function/nope"))
    assert head.status == 404
    assert b"`nope`" in body


def test_a_removed_function_is_unknown(door):
    """From the moment the route is gone."""
    door.remove()
    assert door.exchange(request())[0].status == 404


def test_marks_of_the_gateway(door, upstream):
    """Call id and start time go both ways; who served goes to the caller."""
    head, _ = door.exchange(request(fields=["X-Start-Time: 1", "X-Served-By: me"]))
    sent = upstream.heads[0]
    assert len(sent.get("x-call-id")) == 36
    assert head.get("x-call-id") == sent.get("x-call-id")
    assert sent.all("x-start-time") != ["1"]
    assert len(sent.all("x-start-time")) == 1
    assert sent.get("x-served-by") is None
    assert head.get("x-served-by") == "faas"


def test_a_callers_own_id_is_kept(door, upstream):
    """So that a call can be followed from outside."""
    door.exchange(request(fields=["X-Call-Id: mine-1"]))
    assert upstream.heads[0].all("x-call-id") == ["mine-1"]


def test_forwarded_fields_of_a_trusted_proxy_are_kept(door, upstream):
    """Loopback is trusted unless told otherwise."""
    door.exchange(request(fields=["X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https"]))
    sent = upstream.heads[0]
    assert "10.0.0.1" in sent.get("x-forwarded-for")
    assert sent.get("x-forwarded-proto") == "https"
    assert sent.get("x-forwarded-host") == "example.com"


def test_forwarded_fields_of_anybody_else_are_replaced(make_door, upstream):
    """A client cannot say that it is somebody else."""
    make_door(trusted_proxies=()).exchange(request(fields=["X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1"]))
    sent = upstream.heads[0]
    assert "10.0.0.1" not in " ".join(sent.all("x-forwarded-for"))
    assert sent.get("x-real-ip") is None


def test_hop_by_hop_fields_stay_here(door, upstream):
    """Also those that Connection names; end-to-end fields cannot be named away."""
    fields = [
        "Connection: keep-alive, X-Mine, Authorization",
        "X-Mine: 1",
        "Keep-Alive: 5",
        "TE: trailers",
        "Authorization: a",
    ]
    door.exchange(request(fields=fields))
    sent = upstream.heads[0]
    assert sent.get("x-mine") is None
    assert sent.get("keep-alive") is None
    assert sent.get("te") is None
    assert sent.get("authorization") == "a"


def test_proxy_variable_cannot_be_forged(door, upstream):
    """`Proxy:` would become HTTP_PROXY in a function's environment."""
    door.exchange(request(fields=["Proxy: http://evil"]))
    assert upstream.heads[0].get("proxy") is None


def test_a_trace_is_made_or_passed_on(door, upstream):
    """W3C trace context."""
    door.exchange(request())
    assert len(upstream.heads[0].get("traceparent").split("-")) == 4
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    door.exchange(request(fields=[f"traceparent: {trace}"]))
    assert upstream.heads[1].get("traceparent").split("-")[1] == trace.split("-")[1]


def test_chunked_both_ways(door, upstream):
    """Neither side needs a length."""
    upstream.serve = upstream.answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    call = (
        request("POST", fields=["Transfer-Encoding: chunked"]) + b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"
    )
    head, body = door.exchange(call)
    assert (head.status, body) == (200, b"abcde")
    assert upstream.bodies == [b"hello"]


def test_an_answer_without_length_ends_with_the_connection(door, upstream):
    """HTTP/1.0's way; the caller gets it chunked."""

    def serve(peer):
        upstream.read(peer)
        peer.send(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")

    upstream.serve = serve
    head, body = door.exchange(request())
    assert (head.get("transfer-encoding"), body) == ("chunked", b"until the end")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_that_have_no_body(door, upstream, status):
    """The connection is good for the next call."""
    upstream.serve = upstream.answer(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode(), OK)
    peer = door.connect()
    peer.send(request() + request())
    assert peer.head().status == int(status[:3])
    head = peer.head()
    assert (head.status, peer.body(head)) == (200, b"ok")


def test_head_has_a_length_and_no_body(door, upstream):
    """And the next answer is not mistaken for its body."""
    upstream.serve = upstream.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", OK)
    peer = door.connect()
    peer.send(request("HEAD"))
    assert peer.head().get("content-length") == "99"
    peer.send(request())
    assert peer.body(peer.head()) == b"ok"


def test_connections_are_kept_on_both_sides(door, upstream):
    """Ten calls on one connection, over one to the upstream."""
    peer = door.connect()
    for _ in range(10):
        peer.send(request("POST", body=b"x"))
        assert peer.body(peer.head()) == b"ok"
    assert upstream.connections == 1


def test_pipelined_calls_are_answered_in_order(door, upstream):
    """However they are cut into packets."""
    upstream.serve = upstream.answer(*(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % n for n in range(5)))
    peer = door.connect()
    for byte in b"".join(request("POST", f"/function/fn/{n}", b"body") for n in range(5)):
        peer.send(bytes([byte]))
    assert [peer.body(peer.head()) for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    assert [head.line.split()[1] for head in upstream.heads] == [f"/{n}" for n in range(5)]


def test_expect_continue(door, upstream):
    """The caller is told to go on by the function itself, which then gets the body."""

    def serve(peer):
        head = peer.head()
        assert head.get("expect") == "100-continue"
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        upstream.bodies.append(peer.body(head))
        peer.send(OK)

    upstream.serve = serve
    peer = door.connect()
    call = request("POST", body=b"hello", fields=["Expect: 100-continue"])
    peer.send(call[:-5])
    assert peer.head().status == 100
    peer.send(call[-5:])
    assert peer.head().status == 200
    assert upstream.bodies == [b"hello"]


def test_close_is_honoured(door):
    """Connection: close, and HTTP/1.0 without keep-alive."""
    for call in (request(fields=["Connection: close"]), b"GET /function/fn HTTP/1.0\r\n\r\n"):
        peer = door.connect()
        peer.send(call)
        peer.body(peer.head())
        assert peer.closed()


def test_100_mb_each_way(door, upstream):
    """Unchanged, streamed while it comes."""
    block = os.urandom(1 << 20)
    digest = hashlib.sha256()

    def serve(peer):
        head = peer.head()
        left = int(head.get("content-length"))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
        while left:
            data = peer.buffer or peer.sock.recv(65536)
            peer.buffer = b""
            left -= len(data)
            peer.send(data)

    upstream.serve = serve
    peer = door.connect()

    def upload():
        peer.send(request("POST", fields=[f"Content-Length: {100 << 20}"]))
        for _ in range(100):
            peer.send(block)

    sender = threading.Thread(target=upload)
    sender.start()
    peer.head()
    left = 100 << 20
    while left:
        data = peer.buffer or peer.sock.recv(1 << 20)
        peer.buffer = b""
        digest.update(data)
        left -= len(data)
    sender.join()
    assert digest.digest() == hashlib.sha256(block * 100).digest()


def test_events_come_at_once(door, upstream):
    """Server-sent events are not held back."""
    go_on = threading.Event()

    def serve(peer):
        upstream.read(peer)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"9\r\ndata: 1\n\n\r\n")
        assert go_on.wait(5)
        peer.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    upstream.serve = serve
    peer = door.connect()
    peer.send(request(fields=["Accept: text/event-stream"]))
    peer.head()
    assert b"data: 1" in peer.until(b"\n\n")
    go_on.set()
    assert b"data: 2" in peer.until(b"\n\n")


def test_websocket_is_a_tunnel(door, upstream):
    """Bytes flow both ways once both sides have agreed."""

    def serve(peer):
        head = peer.head()
        assert head.get("upgrade") == "websocket"
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := peer.buffer or peer.sock.recv(1000):
            peer.buffer = b""
            peer.send(data[::-1])

    upstream.serve = serve
    peer = door.connect()
    peer.send(request(fields=["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"]))
    assert peer.head().status == 101
    peer.send(b"abc")
    assert peer.exactly(3) == b"cba"
    peer.send(b"defg")
    assert peer.exactly(4) == b"gfed"


def test_calls_are_counted(door, upstream):
    """By status; nothing stays in flight."""
    upstream.serve = upstream.answer(OK, b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    for _ in range(2):
        door.exchange(request())
    eventually(lambda: door.metrics.in_flight(door.key) == 0 if hasattr(door.metrics, "in_flight") else True)
    page = door.metrics.render([])
    for line in ('code="200"', 'code="500"'):
        assert line in page
