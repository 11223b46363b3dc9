"""`--workers N`: several proxies on one port, with one control process."""

import collections
import os
import signal
import socket
import threading

import pytest

from tests.gateway_workers import WithWorkers, descriptors

# The label that the counters of the function carry.
NAME = 'function_name="server.openfaas-fn"'


@pytest.fixture
def gateway(tmp_path, watchdog_binary):
    """A running gateway with two workers and the images `echo` and `server`."""
    found = WithWorkers(tmp_path / "state", "--access-log", "json")
    found.state.mkdir()
    found.add_images()
    yield found.start()
    found.stop()


def served_by(gateway, process):
    """Number of open connections that a process has accepted."""
    return sum(target.startswith("socket:") for target in descriptors(process))


def test_every_worker_knows_a_function_at_once(gateway):
    """When a deployment, an update or a deletion returns, it is in effect at all workers."""
    assert len(gateway.workers()) == 2
    assert gateway.deploy("server", "server", envVars={"GREETING": "one"}).status in (200, 202)
    assert {gateway.call("server").text.split()[0] for _ in range(20)} == {"one"}
    gateway.update("server", "server", envVars={"GREETING": "two"})
    assert {gateway.call("server").text.split()[0] for _ in range(20)} == {"two"}
    gateway.delete("server")
    assert {gateway.call("server").status for _ in range(20)} == {404}


def test_connections_are_distributed_and_metrics_summed(gateway, wait_for):
    gateway.deploy("server", "server")
    before = {process: served_by(gateway, process) for process in gateway.workers().values()}
    held = [gateway.connection() for _ in range(40)]
    for connection in held:
        connection.request("POST", "/function/server", b"x")
        assert connection.getresponse().read().startswith(b"hello x")
    gained = {process: served_by(gateway, process) - count for process, count in before.items()}
    for connection in held:
        connection.close()

    assert all(count > 0 for count in gained.values())
    wait_for(lambda: f'gateway_function_invocation_total{{code="200",{NAME}}} 40' in gateway.page())
    lines = gateway.page()
    assert f"gateway_function_invocation_started{{{NAME}}} 40" in lines
    assert f'gateway_functions_seconds_count{{code="200",{NAME}}} 40' in lines
    assert 'faas_loop_up{loop="workers"} 1' in lines
    stats = gateway.ask("GET", "/system/stats").json()
    assert [(one["started"], one["inFlight"]) for one in stats] == [(40, 0)]


def test_calls_in_flight_are_summed(gateway, wait_for):
    def in_flight():
        return gateway.ask("GET", "/system/stats").json()[0]["inFlight"]

    gateway.deploy("server", "server")
    held = [gateway.connection() for _ in range(12)]
    for connection in held:
        connection.request("POST", "/function/server", b"x", {"X-Sleep": "2"})
    wait_for(lambda: in_flight() == 12)
    for connection in held:
        assert connection.getresponse().read().startswith(b"hello x")
        connection.close()
    wait_for(lambda: in_flight() == 0)


def test_a_worker_that_is_killed_loses_only_its_own_calls(gateway, wait_for):
    gateway.deploy("server", "server")
    held = [gateway.connection() for _ in range(16)]
    workers = gateway.workers()
    victim = workers["1"]
    idle = served_by(gateway, victim)
    for connection in held:
        connection.request("POST", "/function/server", b"x", {"X-Sleep": "1.5"})
    wait_for(lambda: gateway.ask("GET", "/system/stats").json()[0]["inFlight"] == 16)
    # Each call is two connections, one on either side; the control API may have another one.
    had = (served_by(gateway, victim) - idle) // 2
    os.kill(victim, signal.SIGKILL)

    results = collections.Counter()
    for connection in held:
        try:
            answer = connection.getresponse()
            results[answer.status if answer.read().startswith(b"hello x") else "wrong"] += 1
        except OSError:
            results["lost"] += 1
        connection.close()

    assert set(results) <= {200, "lost"}
    assert results["lost"] in (had - 1, had, had + 1)
    assert 0 < results["lost"] < 16
    wait_for(lambda: len(set(gateway.workers().values()) - {victim}) == 2)
    # No connection is refused meanwhile: those to its socket wait for the new worker.
    assert {gateway.call("server", b"y").status for _ in range(20)} == {200}
    wait_for(lambda: gateway.ask("GET", "/system/stats").json()[0]["inFlight"] == 0)
    assert gateway.ask("GET", "/healthz").status == 200


def test_no_connection_is_refused_while_a_worker_is_replaced(gateway, wait_for):
    gateway.deploy("server", "server")
    victim = gateway.workers()["2"]
    os.kill(victim, signal.SIGKILL)

    results = collections.Counter()

    def call():
        try:
            results[gateway.call("server", b"x").status] += 1
        except OSError as error:
            results[repr(error)] += 1

    callers = [threading.Thread(target=call) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == {200: 20}


def test_scale_from_zero_through_workers(gateway, wait_for):
    """Calls waiting at both workers succeed; the control process wakes the function once."""
    gateway.deploy("server", "server")
    gateway.scale("server", 0)
    gateway.wait_available("server", 0)
    answers = []
    callers = [threading.Thread(target=lambda: answers.append(gateway.call("server", b"x").status)) for _ in range(12)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert answers == [200] * 12
    assert gateway.status("server")["availableReplicas"] == 1


def test_stopping_finishes_the_calls_of_workers(gateway):
    gateway.deploy("server", "server")
    connection = gateway.connection()
    connection.request("POST", "/function/server", b"last", {"X-Sleep": "1"})
    workers = gateway.workers().values()
    answers = []
    reader = threading.Thread(target=lambda: answers.append(connection.getresponse().read()))
    reader.start()
    gateway.stop()
    reader.join()

    assert answers[0].startswith(b"hello last")
    assert not any(os.path.exists(f"/proc/{process}") for process in workers)


def test_workers_end_with_their_gateway(gateway, wait_for):
    workers = gateway.workers().values()
    gateway.kill()

    wait_for(lambda: not any(os.path.exists(f"/proc/{process}") for process in workers))


def test_asynchronous_calls_work_with_workers(gateway, wait_for):
    """The queue makes calls through the control process's own proxy, and the port stays exclusive."""
    gateway.deploy("echo")
    call_id = gateway.ask("POST", "/async-function/echo", b"queued").headers["X-Call-Id"]
    wait_for(lambda: gateway.ask("GET", f"/system/async/{call_id}").json().get("state") == "done")
    port = int(gateway.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", port))
