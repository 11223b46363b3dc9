"""Functions scaled to zero, and a proxy that stops: who waits, who is served, who is told to come back."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RouteUpdate
from tests.conformance.proxy.proxy_driver import ECHO, RunningProxy, get, ok, post
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import PATIENCE, Wire

Eventually = Callable[[Callable[[], bool]], None]
OpenProxy = Callable[..., RunningProxy]
ASLEEP = RouteUpdate(ECHO, (), 0)


class Waker:
    """Stands in for the provider: counts wake-ups, and ends them when the test says so."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls = 0
        self.go_on = threading.Event()
        self._error = error

    async def __call__(self, key: FunctionKey) -> None:
        assert key == ECHO
        self.calls += 1
        while not self.go_on.is_set():
            await asyncio.sleep(0.005)
        if self._error is not None:
            raise self._error


# Scaled to zero.


def test_first_call_wakes_a_function(open_proxy: OpenProxy, replica: Replica, eventually: Eventually):
    waker = Waker()
    proxy = open_proxy(wake=waker)
    proxy.route(ASLEEP)
    client = proxy.connect()

    client.send(post(b"good morning"))
    eventually(lambda: waker.calls == 1)
    waker.go_on.set()
    proxy.replicas(replica)

    assert client.response().body == b"good morning"


def test_any_number_of_calls_wake_a_function_once(open_proxy: OpenProxy, replica: Replica, eventually: Eventually):
    waker = Waker()
    proxy = open_proxy(wake=waker)
    proxy.route(ASLEEP)
    clients = [proxy.connect() for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(post(b"%d" % number))
    eventually(lambda: proxy.in_flight() == 50)

    proxy.replicas(desired=1)
    waker.go_on.set()
    proxy.replicas(replica)

    assert [client.response().body for client in clients] == [b"%d" % number for number in range(50)]
    assert waker.calls == 1


def test_client_that_leaves_does_not_affect_other_waiting_calls(
    open_proxy: OpenProxy, replica: Replica, eventually: Eventually
):
    waker = Waker()
    proxy = open_proxy(wake=waker)
    proxy.route(ASLEEP)
    first, second = proxy.connect(), proxy.connect()
    for client in (first, second):
        client.send(get())
    eventually(lambda: proxy.in_flight() == 2)

    first.close()
    eventually(lambda: proxy.in_flight() == 1)
    waker.go_on.set()
    proxy.replicas(replica)

    assert second.response().status == 200


def test_ready_timeout(open_proxy: OpenProxy):
    proxy = open_proxy(wake=Waker(), ready_timeout=0.2)
    proxy.route(ASLEEP)

    response = proxy.ask(get())

    assert (response.status, response.get("Retry-After")) == (503, "1")
    assert response.body == b"function `echo.openfaas-fn` has no replica ready after 0.2 s\n"


def test_failed_wake_up_is_explained(open_proxy: OpenProxy):
    waker = Waker(RuntimeFault("the disk is full"))
    waker.go_on.set()
    proxy = open_proxy(wake=waker)
    proxy.route(ASLEEP)

    response = proxy.ask(get())

    assert response.status == 503
    assert response.body == b"function `echo.openfaas-fn` could not be woken: the disk is full\n"


def test_failed_wake_up_is_retried_by_the_next_call(open_proxy: OpenProxy):
    waker = Waker(RuntimeFault("no"))
    waker.go_on.set()
    proxy = open_proxy(wake=waker)
    proxy.route(ASLEEP)

    proxy.ask(get())
    proxy.ask(get())

    assert waker.calls == 2


def test_function_that_is_removed_while_calls_wait(open_proxy: OpenProxy, eventually: Eventually):
    proxy = open_proxy(wake=Waker())
    proxy.route(ASLEEP)
    client = proxy.connect()
    client.send(get())
    eventually(lambda: proxy.in_flight() == 1)

    proxy.route(RouteRemoved(ECHO))

    response = client.response()
    assert (response.status, response.body) == (503, b"function `echo.openfaas-fn` was removed\n")


def test_call_waits_for_a_replica_that_starts_without_waking_it(
    open_proxy: OpenProxy, replica: Replica, eventually: Eventually
):
    waker = Waker()
    proxy = open_proxy(wake=waker)
    proxy.replicas(desired=1)
    client = proxy.connect()
    client.send(get())
    eventually(lambda: proxy.in_flight() == 1)

    proxy.replicas(replica)

    assert client.response().status == 200
    assert waker.calls == 0


def test_wake_up_time_does_not_count_for_the_call_timeout(
    open_proxy: OpenProxy, replica: Replica, eventually: Eventually
):
    waker = Waker()
    proxy = open_proxy(wake=waker, upstream_timeout=0.3)
    proxy.route(ASLEEP)
    client = proxy.connect()
    client.send(get())
    eventually(lambda: waker.calls == 1)

    assert client.quiet(0.5)
    proxy.replicas(replica)

    assert client.response().status == 200


# Stopping.


def slow(replica: Replica) -> threading.Event:
    """Have a replica answer only once the event is set."""
    go_on = threading.Event()
    replica.script = lambda wire: (replica.note(wire.request()), go_on.wait(PATIENCE), wire.send(ok(b"slow")))[2]
    return go_on


def test_stopping_lets_running_calls_finish(proxy: RunningProxy, replica: Replica):
    go_on = slow(replica)
    client = proxy.connect()
    client.send(get())
    replica.saw()

    wait = proxy.begin_stop()
    _until_refused(proxy)
    go_on.set()
    response = client.response()
    wait()

    assert (response.body, response.get("Connection")) == (b"slow", "close")
    assert client.ended()


def _until_refused(proxy: RunningProxy) -> None:
    for _ in range(1000):
        try:
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE):
                pass
        except OSError:
            return
    raise AssertionError("it still accepts connections")


def test_stopping_closes_idle_connections(proxy: RunningProxy):
    fresh, used = proxy.connect(), proxy.connect()
    used.send(get())
    used.response()

    proxy.begin_stop()()

    assert fresh.ended()
    assert used.ended()


def test_stopping_answers_a_request_that_was_on_its_way(open_proxy: OpenProxy):
    """A client that has just connected, or sends its next request, gets a response and not a reset."""
    proxy = open_proxy(drain_timeout=PATIENCE)
    fresh, used, slow_head = proxy.connect(), proxy.connect(), proxy.connect()
    used.send(get())
    used.response()
    slow_head.send(get()[:10])

    wait = proxy.begin_stop()
    _until_refused(proxy)
    slow_head.send(get()[10:])
    for client in (fresh, used):
        client.send(get())

    for client in (fresh, used, slow_head):
        response = client.response()
        assert (response.status, response.get("Connection")) == (200, "close")
        assert client.ended()
    wait()


def test_stopping_cuts_calls_after_the_grace_time(proxy: RunningProxy, replica: Replica):
    go_on = slow(replica)
    client = proxy.connect()
    client.send(get())
    replica.saw()

    proxy.begin_stop(grace=0.1)()

    assert client.ended()
    assert proxy.codes() == {499: 1}
    go_on.set()


def test_stopping_waits_for_a_streaming_response(proxy: RunningProxy, replica: Replica):
    go_on = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")
        assert go_on.wait(PATIENCE)
        wire.send(b"3\r\nend\r\n0\r\n\r\n")

    replica.script = script
    client = proxy.connect()
    client.send(get())
    client.until(b"begin\r\n")

    wait = proxy.begin_stop()
    _until_refused(proxy)
    go_on.set()

    assert client.rest() == b"3\r\nend\r\n0\r\n\r\n"
    wait()


def test_stopping_waits_for_an_upload(proxy: RunningProxy, replica: Replica):
    client = proxy.connect()
    client.send(post(b"body")[:-2])
    wait = proxy.begin_stop()
    _until_refused(proxy)

    client.send(b"dy")

    assert client.response().body == b"body"
    wait()


def test_stopping_serves_no_second_pipelined_call(proxy: RunningProxy, replica: Replica):
    go_on = slow(replica)
    client = proxy.connect()
    client.send(get() + get())
    replica.saw()

    wait = proxy.begin_stop()
    _until_refused(proxy)
    go_on.set()

    assert client.response().get("Connection") == "close"
    assert client.ended()
    assert replica.saw_nothing()
    wait()


def test_stopping_ends_waiting_calls(open_proxy: OpenProxy, eventually: Eventually):
    proxy = open_proxy(wake=Waker())
    proxy.route(ASLEEP)
    client = proxy.connect()
    client.send(get())
    eventually(lambda: proxy.in_flight() == 1)

    proxy.begin_stop(grace=0.1)()

    assert client.ended()


def test_descriptor_limit_is_raised(open_proxy: OpenProxy):
    """Each call needs two; the usual soft limit of 1024 would allow 500 clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        open_proxy(max_connections=600)
        raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert raised == min(2200, hard)


# Other listeners.


def test_unix_socket_is_trusted(open_proxy: OpenProxy, replica: Replica, tmp_path: Path):
    """A process that may open the socket is a proxy on this machine; its headers are kept."""
    path = tmp_path / "proxy.sock"
    proxy = open_proxy(unix_path=path)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    client = Wire(sock)

    client.send(get("/function/echo", "X-Forwarded-For: 9.9.9.9"))
    assert client.response().status == 200
    assert replica.saw().get("X-Forwarded-For") == "9.9.9.9"

    proxy.replicas(replica, internal=True)
    client.send(get("/function/echo"))
    assert client.response().status == 404
    client.close()


@pytest.mark.parametrize("leave", [Wire.close, Wire.finish])
def test_unix_client_that_leaves(
    open_proxy: OpenProxy, replica: Replica, tmp_path: Path, leave: Callable[[Wire], None], eventually: Eventually
):
    go_on = slow(replica)
    path = tmp_path / "proxy.sock"
    proxy = open_proxy(unix_path=path)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    client = Wire(sock)
    client.send(get())
    replica.saw()

    leave(client)

    if leave is Wire.close:
        eventually(lambda: proxy.codes() == {499: 1})
    go_on.set()
    if leave is Wire.finish:
        assert client.rest().endswith(b"slow")
        client.close()
