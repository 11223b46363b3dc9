"""Timeouts, clients and replicas that leave, closed connections: the responses, and what is freed."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable

import pytest

from faas_runtime.providers.base import Endpoint, RouteRemoved, RouteUpdate
from tests.conformance.proxy.proxy_driver import ECHO, RunningProxy, chunked, get, ok, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import PATIENCE, Closed, Wire

Eventually = Callable[[Callable[[], bool]], None]
OpenProxy = Callable[..., RunningProxy]


def hang(replica: Replica) -> queue.Queue[bool]:
    """Have a replica read calls and never answer; the queue gets an item when the proxy disconnects."""
    left: queue.Queue[bool] = queue.Queue()

    def script(wire: Wire) -> None:
        replica.note(wire.request())
        left.put(wire.ended())

    replica.script = script
    return left


# Timeouts.


def test_call_timeout(open_proxy: OpenProxy, replica: Replica):
    """The response names the hop and the setting; the function's connection closes."""
    left = hang(replica)
    proxy = open_proxy(upstream_timeout=0.2)
    client = proxy.connect()

    client.send(get())
    response = client.response()

    assert (response.status, response.get("X-OpenFaaS-Internal")) == (504, "proxy")
    assert response.body == (
        b"function `echo.openfaas-fn` gave no answer within 0.2 s: the gateway gave up "
        b"(raise `timeout` in the stack file)\n"
    )
    assert left.get(timeout=PATIENCE)
    assert proxy.codes() == {504: 1}
    replica.always(ok(b"next"))
    client.send(get())
    assert client.response().body == b"next"


def test_function_timeout_has_precedence(proxy: RunningProxy, replica: Replica):
    hang(replica)
    proxy.replicas(replica, timeout=0.2)

    assert b"within 0.2 s" in proxy.ask(get()).body


def test_timeout_changed_during_a_call_does_not_end_later_calls(proxy: RunningProxy, replica: Replica):
    """The first call's timer stops with the first call, whatever the function's timeout is by then."""
    go_on = threading.Event()

    def script(wire: Wire) -> None:
        replica.note(wire.request())
        go_on.wait(PATIENCE)
        wire.send(ok(b"first"))
        wire.request()
        wire.quiet(0.4)
        wire.send(ok(b"second"))

    replica.script = script
    proxy.replicas(replica, timeout=0.4)
    client = proxy.connect()
    client.send(get())
    replica.saw()

    proxy.replicas(replica, timeout=5)
    go_on.set()
    assert client.response().body == b"first"
    client.send(get())

    assert client.response().body == b"second"


def test_timeout_within_a_response_resets_the_connection(open_proxy: OpenProxy, replica: Replica):
    """The response has begun, so its status cannot change, and it must not end cleanly."""

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        wire.ended()

    replica.script = script
    client = open_proxy(upstream_timeout=0.2).connect()

    client.send(get())

    with pytest.raises(Closed):
        client.response()


def test_head_timeout(open_proxy: OpenProxy):
    """The timeout is for the whole head, not for each byte."""
    client = open_proxy(head_timeout=0.3).connect()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            try:
                client.send(b"x")
            except OSError:
                return

    client.send(b"GET /function/echo HTTP/1.1\r\nX: ")
    dripping = threading.Thread(target=drip)
    dripping.start()
    response = client.response()
    stop.set()
    dripping.join()

    assert response.status == 408
    assert response.body == b"the request's head took too long\n"


def test_read_timeout(open_proxy: OpenProxy, replica: Replica):
    left = hang(replica)
    replica.script = lambda wire: (wire.head(), left.put(wire.take(2) == b"ab" and wire.ended()))[1]
    client = open_proxy(read_timeout=0.2).connect()

    client.send(post(b"abc")[:-1])
    response = client.response()

    assert (response.status, response.body) == (408, b"the request's body stopped arriving for 0.2 s\n")
    assert left.get(timeout=PATIENCE)


def test_idle_connection_is_closed_without_a_response(open_proxy: OpenProxy):
    proxy = open_proxy(idle_timeout=0.2)
    fresh, used = proxy.connect(), proxy.connect()

    used.send(get())
    used.response()

    assert fresh.ended()
    assert used.ended()


def test_connection_in_use_is_not_idle(open_proxy: OpenProxy, replica: Replica):
    replica.script = lambda wire: (wire.request(), wire.quiet(0.4), wire.send(ok(b"slow")))[2]

    assert open_proxy(idle_timeout=0.1, head_timeout=0.1, read_timeout=0.1).ask(get()).body == b"slow"


def test_write_timeout(open_proxy: OpenProxy, replica: Replica):
    left: queue.Queue[bool] = queue.Queue()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 10**9)
        try:
            while True:
                wire.send(bytes(1024 * 1024))
        except OSError:
            left.put(True)

    replica.script = script
    proxy = open_proxy(write_timeout=0.3)
    client = proxy.connect(receive_buffer=4096)

    client.send(get())

    assert left.get(timeout=PATIENCE)


def test_idle_connection_to_a_replica_is_closed(open_proxy: OpenProxy, replica: Replica):
    left = queue.Queue[bool]()
    replica.script = lambda wire: (wire.request(), wire.send(ok(b"x")), left.put(wire.ended()))[2]

    assert open_proxy(upstream_idle_timeout=0.2).ask(get()).status == 200
    assert left.get(timeout=PATIENCE)


# Clients that leave.


@pytest.mark.parametrize("leave", [Wire.close, Wire.reset], ids=["close", "reset"])
@pytest.mark.parametrize("request_", [get(), post(b"body"), chunked(b"body")], ids=["get", "post", "chunked"])
def test_client_that_leaves_cancels_its_call(
    proxy: RunningProxy, replica: Replica, leave: Callable[[Wire], None], request_: bytes, eventually: Eventually
):
    left = hang(replica)
    client = proxy.connect()
    client.send(request_)
    replica.saw()

    leave(client)

    assert left.get(timeout=PATIENCE)
    eventually(lambda: proxy.codes() == {499: 1})
    assert proxy.in_flight() == 0


def test_client_that_leaves_within_its_body_cancels_its_call(
    proxy: RunningProxy, replica: Replica, eventually: Eventually
):
    left: queue.Queue[bool] = queue.Queue()

    def script(wire: Wire) -> None:
        replica.note(wire.head())
        try:
            wire.take(1000)
        except Closed:
            left.put(True)

    replica.script = script
    client = proxy.connect()
    client.send(post(bytes(1000))[:-1])
    replica.saw()

    client.close()

    assert left.get(timeout=PATIENCE)
    eventually(lambda: proxy.codes() == {499: 1})


def test_client_that_leaves_within_the_response_cancels_its_call(
    proxy: RunningProxy, replica: Replica, eventually: Eventually
):
    left: queue.Queue[bool] = queue.Queue()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while wire.quiet(0.01):
                wire.send(b"3\r\nabc\r\n")
        except (OSError, Closed):  # as it is sending, or listening
            pass
        left.put(True)

    replica.script = script
    client = proxy.connect()
    client.send(get())
    client.until(b"abc")

    client.close()

    assert left.get(timeout=PATIENCE)
    eventually(lambda: proxy.in_flight() == 0)


def test_client_that_leaves_while_it_waits_for_a_replica(proxy: RunningProxy, eventually: Eventually):
    proxy.replicas(desired=1)
    client = proxy.connect()
    client.send(get())
    eventually(lambda: proxy.in_flight() == 1)

    client.close()

    eventually(lambda: proxy.codes() == {499: 1})


# Replicas that refuse or died.


def refusing() -> Endpoint:
    """An address that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Endpoint("gone", "127.0.0.1", listener.getsockname()[1])


def test_replica_that_refuses_a_connection_is_skipped(proxy: RunningProxy, replica: Replica):
    proxy.route(RouteUpdate(ECHO, (refusing(), replica.endpoint), 2))
    client = proxy.connect()

    for number in range(20):
        body = b"%d" % number
        client.send(post(body))
        assert client.response().body == body


def test_no_replica_accepts_connections(open_proxy: OpenProxy):
    proxy = open_proxy(connect_timeout=0.1)
    proxy.route(RouteUpdate(ECHO, (refusing(),), 1))

    response = proxy.ask(post(b"body"))

    assert response.status == 502
    assert response.body == b"no replica of function `echo.openfaas-fn` accepts connections\n"


def test_call_goes_to_a_replica_that_replaces_a_dead_one(proxy: RunningProxy, replica: Replica, eventually: Eventually):
    proxy.route(RouteUpdate(ECHO, (refusing(),), 1))
    client = proxy.connect()
    client.send(post(b"body"))
    eventually(lambda: proxy.in_flight() == 1)

    proxy.replicas(replica)

    assert client.response().body == b"body"


IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]


def die_on_second_use(replica: Replica) -> None:
    """Answer the first request on each connection, and close it at the second."""

    def script(wire: Wire) -> None:
        replica.note(wire.request())
        wire.send(ok(b""))
        replica.note(wire.request())

    replica.script = script


@pytest.mark.parametrize("method", IDEMPOTENT)
def test_idempotent_call_on_a_closed_connection_is_retried(proxy: RunningProxy, replica: Replica, method: str):
    die_on_second_use(replica)
    request = post(b"body").replace(b"POST", method.encode())
    proxy.ask(request)

    assert proxy.ask(request).status == 200
    assert len(replica.connections) == 2
    assert [replica.saw().body for _ in range(3)] == [b"body"] * 3


def test_post_is_never_sent_twice(proxy: RunningProxy, replica: Replica):
    die_on_second_use(replica)
    proxy.ask(post(b"1"))

    assert proxy.ask(post(b"2")).status == 502
    assert [replica.saw().body for _ in range(2)] == [b"1", b"2"]
    assert replica.saw_nothing()


def test_call_on_a_new_connection_is_not_retried(proxy: RunningProxy, replica: Replica):
    replica.script = lambda wire: replica.note(wire.request()) and None

    assert proxy.ask(get()).status == 502
    assert len(replica.connections) == 1


def test_call_with_a_partial_response_is_not_retried(proxy: RunningProxy, replica: Replica):
    replica.answers(ok(b""), b"HTTP/1.1 2")
    proxy.ask(get())

    assert proxy.ask(get()).status == 502
    assert len(replica.connections) == 1


def test_connection_that_a_replica_closed_while_idle_is_not_used(
    proxy: RunningProxy, replica: Replica, eventually: Eventually
):
    closed = threading.Event()
    replica.script = lambda wire: (wire.request(), wire.send(ok(b"")), wire.close(), closed.set())[3]
    for _ in range(5):
        closed.clear()
        assert proxy.ask(post(b"x")).status == 200
        assert closed.wait(PATIENCE)
        proxy.call(lambda: None)


def test_connection_closed_at_this_moment_is_not_used(proxy: RunningProxy, replica: Replica):
    """The call and the end of the kept connection reach the proxy at the same time: it checks before it sends."""
    ends, together = threading.Event(), threading.Barrier(8)

    def script(wire: Wire) -> None:
        wire.request()
        together.wait(PATIENCE)
        wire.send(ok(b""))
        ends.wait(PATIENCE)
        wire.close()

    replica.script = script
    clients = [proxy.connect() for _ in range(8)]
    for client in clients:
        client.send(post(b"x"))
    for client in clients:
        assert client.response().status == 200
    replica.always(ok(b""))

    def meanwhile() -> None:
        # The event loop is blocked: it will find these events together, the calls first.
        time.sleep(0.1)
        for client in clients:
            client.send(post(b"y"))
        ends.set()
        for wire in replica.connections:
            while wire.sock.fileno() >= 0:
                time.sleep(0.001)

    proxy.call(meanwhile)

    assert [client.response().status for client in clients] == [200] * 8


# Functions that change.


def test_removed_function_is_unknown(proxy: RunningProxy):
    proxy.route(RouteRemoved(ECHO))

    assert proxy.ask(get()).status == 404


def test_internal_function_cannot_be_called_from_outside(proxy: RunningProxy, replica: Replica):
    proxy.replicas(replica, internal=True)

    assert proxy.ask(get()).status == 404
    assert replica.saw_nothing()


def test_draining_replica_finishes_its_call_and_gets_no_new_one(
    proxy: RunningProxy, replica: Replica, new_replica: Callable[[], Replica]
):
    go_on = threading.Event()
    replica.script = lambda wire: (replica.note(wire.request()), go_on.wait(PATIENCE), wire.send(ok(b"old")))[2]
    other = new_replica()
    other.always(ok(b"new"))
    client = proxy.connect()
    client.send(get())
    replica.saw()

    proxy.replicas(other)

    assert [proxy.ask(get()).body for _ in range(5)] == [b"new"] * 5
    go_on.set()
    assert client.response().body == b"old"
    assert replica.saw_nothing()


def test_calls_are_spread_by_load(proxy: RunningProxy, replica: Replica, new_replica: Callable[[], Replica]):
    """A busy replica gets no call while another one is idle."""
    go_on = threading.Event()
    busy, free = replica, new_replica()
    busy.script = lambda wire: (busy.note(wire.request()), go_on.wait(PATIENCE), wire.send(ok(b"busy")))[2]
    free.always(ok(b"free"))
    client = proxy.connect()
    client.send(get())
    busy.saw()

    proxy.replicas(busy, free)

    assert [proxy.ask(get()).body for _ in range(10)] == [b"free"] * 10
    go_on.set()
    assert client.response().body == b"busy"


def test_idle_replicas_take_turns(proxy: RunningProxy, replica: Replica, new_replica: Callable[[], Replica]):
    replicas = [replica, new_replica(), new_replica()]
    for number, each in enumerate(replicas):
        each.always(ok(b"%d" % number))
    proxy.replicas(*replicas)

    assert {proxy.ask(get()).body for _ in range(6)} == {b"0", b"1", b"2"}


def test_connections_over_the_limit_get_503(open_proxy: OpenProxy, eventually: Eventually):
    proxy = open_proxy(max_connections=1)
    first = proxy.connect()
    first.send(get())
    first.response()

    second = proxy.connect()
    assert second.response().status == 503
    assert second.ended()
    first.close()

    def served() -> bool:
        third = proxy.connect()
        third.send(get())
        return third.response().status == 200

    eventually(served)
