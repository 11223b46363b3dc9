"""Functions scaled to zero, and a door that stops: who waits, who is served, who is told to come back."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from proxy_driver import ECHO, Door, get, ok, post
from replica import Replica
from wire import PATIENCE, Wire

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.providers.base import FunctionKey, RouteRemoved, RouteUpdate

Eventually = Callable[[Callable[[], bool]], None]
OpenDoor = Callable[..., Door]
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


def test_first_call_wakes_a_function(open_door: OpenDoor, replica: Replica, eventually: Eventually):
    waker = Waker()
    door = open_door(wake=waker)
    door.route(ASLEEP)
    client = door.connect()

    client.send(post(b"good morning"))
    eventually(lambda: waker.calls == 1)
    waker.go_on.set()
    door.replicas(replica)

    assert client.response().body == b"good morning"


def test_any_number_of_calls_wake_a_function_once(open_door: OpenDoor, replica: Replica, eventually: Eventually):
    waker = Waker()
    door = open_door(wake=waker)
    door.route(ASLEEP)
    clients = [door.connect() for _ in range(50)]
    for number, client in enumerate(clients):
        client.send(post(b"%d" % number))
    eventually(lambda: door.in_flight() == 50)

    door.replicas(desired=1)
    waker.go_on.set()
    door.replicas(replica)

    assert [client.response().body for client in clients] == [b"%d" % number for number in range(50)]
    assert waker.calls == 1


def test_client_that_leaves_does_not_end_the_waiting_of_others(
    open_door: OpenDoor, replica: Replica, eventually: Eventually
):
    waker = Waker()
    door = open_door(wake=waker)
    door.route(ASLEEP)
    first, second = door.connect(), door.connect()
    for client in (first, second):
        client.send(get())
    eventually(lambda: door.in_flight() == 2)

    first.close()
    eventually(lambda: door.in_flight() == 1)
    waker.go_on.set()
    door.replicas(replica)

    assert second.response().status == 200


def test_waiting_has_an_end(open_door: OpenDoor):
    door = open_door(wake=Waker(), ready_timeout=0.2)
    door.route(ASLEEP)

    response = door.ask(get())

    assert (response.status, response.get("Retry-After")) == (503, "1")
    assert response.body == b"function `echo.openfaas-fn` has no replica ready after 0.2 s\n"


def test_function_that_cannot_be_woken_says_why(open_door: OpenDoor):
    waker = Waker(RuntimeFault("the disk is full"))
    waker.go_on.set()
    door = open_door(wake=waker)
    door.route(ASLEEP)

    response = door.ask(get())

    assert response.status == 503
    assert response.body == b"function `echo.openfaas-fn` could not be woken: the disk is full\n"


def test_function_that_could_not_be_woken_is_tried_again(open_door: OpenDoor):
    waker = Waker(RuntimeFault("no"))
    waker.go_on.set()
    door = open_door(wake=waker)
    door.route(ASLEEP)

    door.ask(get())
    door.ask(get())

    assert waker.calls == 2


def test_function_that_is_removed_while_calls_wait(open_door: OpenDoor, eventually: Eventually):
    door = open_door(wake=Waker())
    door.route(ASLEEP)
    client = door.connect()
    client.send(get())
    eventually(lambda: door.in_flight() == 1)

    door.route(RouteRemoved(ECHO))

    response = client.response()
    assert (response.status, response.body) == (503, b"function `echo.openfaas-fn` was removed\n")


def test_call_waits_for_a_replica_that_starts_without_waking_it(
    open_door: OpenDoor, replica: Replica, eventually: Eventually
):
    waker = Waker()
    door = open_door(wake=waker)
    door.replicas(desired=1)
    client = door.connect()
    client.send(get())
    eventually(lambda: door.in_flight() == 1)

    door.replicas(replica)

    assert client.response().status == 200
    assert waker.calls == 0


def test_time_to_wake_is_no_part_of_the_calls_own_limit(open_door: OpenDoor, replica: Replica, eventually: Eventually):
    waker = Waker()
    door = open_door(wake=waker, upstream_timeout=0.3)
    door.route(ASLEEP)
    client = door.connect()
    client.send(get())
    eventually(lambda: waker.calls == 1)

    assert client.quiet(0.5)
    door.replicas(replica)

    assert client.response().status == 200


# Stopping.


def slow(replica: Replica) -> threading.Event:
    """Let a replica answer only when the event is set."""
    go_on = threading.Event()
    replica.script = lambda wire: (replica.note(wire.request()), go_on.wait(PATIENCE), wire.send(ok(b"slow")))[2]
    return go_on


def test_stopping_lets_running_calls_finish(door: Door, replica: Replica):
    go_on = slow(replica)
    client = door.connect()
    client.send(get())
    replica.saw()

    wait = door.begin_stop()
    _until_refused(door)
    go_on.set()
    response = client.response()
    wait()

    assert (response.body, response.get("Connection")) == (b"slow", "close")
    assert client.ended()


def _until_refused(door: Door) -> None:
    for _ in range(1000):
        try:
            with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE):
                pass
        except OSError:
            return
    raise AssertionError("it still accepts connections")


def test_stopping_closes_idle_connections(door: Door):
    fresh, used = door.connect(), door.connect()
    used.send(get())
    used.response()

    door.begin_stop()()

    assert fresh.ended()
    assert used.ended()


def test_stopping_answers_a_request_that_was_on_its_way(open_door: OpenDoor):
    """A client that has just connected, or sends its next request, sees an answer and not a reset."""
    door = open_door(drain_timeout=PATIENCE)
    fresh, used, slow_head = door.connect(), door.connect(), door.connect()
    used.send(get())
    used.response()
    slow_head.send(get()[:10])

    wait = door.begin_stop()
    _until_refused(door)
    slow_head.send(get()[10:])
    for client in (fresh, used):
        client.send(get())

    for client in (fresh, used, slow_head):
        response = client.response()
        assert (response.status, response.get("Connection")) == (200, "close")
        assert client.ended()
    wait()


def test_stopping_cuts_off_what_takes_too_long(door: Door, replica: Replica):
    go_on = slow(replica)
    client = door.connect()
    client.send(get())
    replica.saw()

    door.begin_stop(grace=0.1)()

    assert client.ended()
    assert door.codes() == {499: 1}
    go_on.set()


def test_stopping_waits_for_a_response_that_flows(door: Door, replica: Replica):
    go_on = threading.Event()

    def script(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")
        assert go_on.wait(PATIENCE)
        wire.send(b"3\r\nend\r\n0\r\n\r\n")

    replica.script = script
    client = door.connect()
    client.send(get())
    client.until(b"begin\r\n")

    wait = door.begin_stop()
    _until_refused(door)
    go_on.set()

    assert client.rest() == b"3\r\nend\r\n0\r\n\r\n"
    wait()


def test_stopping_waits_for_an_upload(door: Door, replica: Replica):
    client = door.connect()
    client.send(post(b"body")[:-2])
    wait = door.begin_stop()
    _until_refused(door)

    client.send(b"dy")

    assert client.response().body == b"body"
    wait()


def test_stopping_serves_no_second_pipelined_call(door: Door, replica: Replica):
    go_on = slow(replica)
    client = door.connect()
    client.send(get() + get())
    replica.saw()

    wait = door.begin_stop()
    _until_refused(door)
    go_on.set()

    assert client.response().get("Connection") == "close"
    assert client.ended()
    assert replica.saw_nothing()
    wait()


def test_stopping_frees_waiting_calls(open_door: OpenDoor, eventually: Eventually):
    door = open_door(wake=Waker())
    door.route(ASLEEP)
    client = door.connect()
    client.send(get())
    eventually(lambda: door.in_flight() == 1)

    door.begin_stop(grace=0.1)()

    assert client.ended()


def test_door_takes_the_descriptors_it_needs(open_door: OpenDoor):
    """Each call takes two; a usual soft limit of 1024 would end at 500 clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        open_door(max_connections=600)
        raised = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert raised == min(2200, hard)


# Other listeners.


def test_unix_socket_is_a_trusted_way_in(open_door: OpenDoor, replica: Replica, tmp_path: Path):
    """Whoever may open the socket is a proxy of this machine; what is behind it is not ours to judge."""
    path = tmp_path / "door.sock"
    door = open_door(unix_path=path)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    client = Wire(sock)

    client.send(get("/function/echo", "X-Forwarded-For: 9.9.9.9"))
    assert client.response().status == 200
    assert replica.saw().get("X-Forwarded-For") == "9.9.9.9"

    door.replicas(replica, internal=True)
    client.send(get("/function/echo"))
    assert client.response().status == 404
    client.close()


@pytest.mark.parametrize("leave", [Wire.close, Wire.finish])
def test_unix_client_that_leaves(
    open_door: OpenDoor, replica: Replica, tmp_path: Path, leave: Callable[[Wire], None], eventually: Eventually
):
    go_on = slow(replica)
    path = tmp_path / "door.sock"
    door = open_door(unix_path=path)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    client = Wire(sock)
    client.send(get())
    replica.saw()

    leave(client)

    if leave is Wire.close:
        eventually(lambda: door.codes() == {499: 1})
    go_on.set()
    if leave is Wire.finish:
        assert client.rest().endswith(b"slow")
        client.close()
