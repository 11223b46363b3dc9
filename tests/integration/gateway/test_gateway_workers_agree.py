"""Every setting of a function is in effect at every worker once the gateway has confirmed it."""

import hashlib
import json
import os
import signal
import threading
from collections import Counter

import pytest

from tests.gateway_workers import WithWorkers, at_each_worker

TOKEN = "s3cret-token"
BY_TOKEN = {"com.faas.auth": "sha256:" + hashlib.sha256(TOKEN.encode()).hexdigest()}


@pytest.fixture
def gateway(tmp_path, watchdog_binary):
    """A running gateway with two workers and the images `echo` and `server`."""
    found = WithWorkers(tmp_path / "state")
    found.state.mkdir()
    found.add_images()
    yield found.start()
    found.stop()


@pytest.fixture
def workers(gateway):
    """A client for each worker."""
    with at_each_worker(gateway) as clients:
        yield clients


def drawn(worker, calls):
    """Number of responses of each version."""
    return Counter(worker.call("server").text.split()[0] for _ in range(calls))


def weigh(gateway, weight):
    assert gateway.ask("PUT", "/system/function/server/traffic", {"weight": weight}).status == 200


def test_canary_share_is_in_effect_at_every_worker(gateway, workers):
    """It applies to the next call once the change is confirmed; the bounds are 6 standard deviations."""
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    share = {"com.faas.traffic": "100"}
    assert gateway.update("server", "server", annotations=share, envVars={"GREETING": "two"}).status == 202

    for weight, who in ((0, "one"), (100, "two")) * 10:
        weigh(gateway, weight)
        assert [set(drawn(worker, 1)) for worker in workers] == [{who}, {who}], weight
    weigh(gateway, 25)
    for worker in workers:
        found = drawn(worker, 200)
        assert 13 < found["two"] < 87, found
    assert gateway.ask("DELETE", "/system/function/server/traffic").status == 202
    assert [drawn(worker, 20) for worker in workers] == [{"one": 20}] * 2


def test_a_share_does_not_outlive_its_function(gateway, workers):
    """A function of the same name has no canary until it is given one."""
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    share = {"com.faas.traffic": "100"}
    gateway.update("server", "server", annotations=share, envVars={"GREETING": "two"})
    assert gateway.delete("server").status == 202
    assert [worker.call("server").status for worker in workers] == [404, 404]
    assert [worker.call("server--canary").status for worker in workers] == [404, 404]

    gateway.deploy("server", "server", envVars={"GREETING": "three"})
    share = {"com.faas.traffic": "0"}
    gateway.update("server", "server", annotations=share, envVars={"GREETING": "four"})
    assert [drawn(worker, 10) for worker in workers] == [{"three": 10}] * 2


@pytest.mark.parametrize("kind", ["token", "account"])
def test_every_worker_asks_for_credentials(gateway, workers, kind):
    right = f"Bearer {TOKEN}" if kind == "token" else gateway.authorization()
    rule = BY_TOKEN if kind == "token" else {"com.faas.auth": "basic"}
    gateway.deploy("server", "server", annotations=rule)

    for worker in workers:
        found = [worker.call("server", **given).status for given in ({}, {"Authorization": "Bearer wrong"})]
        assert found == [401, 401]
        assert worker.call("server", Authorization=right).status == 200
    gateway.update("server", "server")
    assert [worker.call("server").status for worker in workers] == [200, 200]
    gateway.update("server", "server", annotations=rule)
    assert [worker.call("server").status for worker in workers] == [401, 401]


def test_internal_function_is_internal_at_every_worker(gateway, workers):
    internal = {"com.faas.expose": "internal"}
    gateway.deploy("server", "server", annotations=internal)
    assert [worker.call("server").status for worker in workers] == [404, 404]
    assert [worker.call("server.openfaas-fn/deep").status for worker in workers] == [404, 404]

    gateway.update("server", "server")
    assert [worker.call("server").status for worker in workers] == [200, 200]
    gateway.update("server", "server", annotations=internal)
    assert [worker.call("server").status for worker in workers] == [404, 404]


def test_deleted_function_is_gone_at_every_worker(gateway, workers):
    for _ in range(3):
        assert gateway.deploy("server", "server").status == 202
        assert [worker.call("server").status for worker in workers] == [200, 200]
        assert gateway.delete("server").status == 202
        assert [worker.call("server").status for worker in workers] == [404, 404]


@pytest.mark.parametrize(
    ("method", "path", "body", "before", "after"),
    [
        ("PUT", "/system/function/server/traffic", {"weight": 100}, "one", "two"),
        ("PUT", "/system/functions", {"service": "server", "image": "server", "annotations": BY_TOKEN}, 200, 401),
        ("DELETE", "/system/functions", {"functionName": "server"}, 200, 404),
    ],
)
def test_change_returns_once_all_workers_acknowledge_it(gateway, workers, method, path, body, before, after):
    """A change waits for a worker that does not respond."""

    def found():
        answer = late.call("server")
        return answer.text.split()[0] if isinstance(after, str) else answer.status

    prompt, late = workers
    gateway.deploy("server", "server", envVars={"GREETING": "one"})
    if isinstance(after, str):
        gateway.update("server", "server", annotations={"com.faas.traffic": "0"}, envVars={"GREETING": "two"})
    assert found() == before
    answers = []
    headers = {"Authorization": gateway.authorization()}
    changer = threading.Thread(target=lambda: answers.append(prompt.ask(method, path, json.dumps(body), headers)))
    os.kill(late.process, signal.SIGSTOP)
    try:
        changer.start()
        changer.join(0.5)
        assert not answers
    finally:
        os.kill(late.process, signal.SIGCONT)
    changer.join()

    assert answers[0].status in (200, 202)
    assert found() == after


@pytest.mark.parametrize("other", ["worker", "queue"])
def test_failed_logins_at_all_workers_are_counted_together(gateway, workers, wait_for, other):
    """Twenty in total, including asynchronous calls; a new worker knows the blocked addresses."""

    def lets_in(worker):
        return worker.call("server", Authorization=f"Bearer {TOKEN}").status == 200

    gateway.deploy("server", "server", annotations=BY_TOKEN)
    guess = {"Authorization": "Bearer wrong"}
    first, second = workers
    path = "/async-function/server" if other == "queue" else "/function/server"
    found = [first.ask("POST", "/function/server", b"", guess).status for _ in range(10)]
    found += [second.ask("POST", path, b"", guess).status for _ in range(9)]
    assert found == [401] * 19
    assert lets_in(first)
    assert lets_in(second)

    assert second.ask("POST", path, b"", guess).status == 401
    wait_for(lambda: not lets_in(first) and not lets_in(second))
    for worker in workers:
        answer = worker.call("server", Authorization=f"Bearer {TOKEN}")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        assert worker.call("server").status == 401
    os.kill(first.process, signal.SIGKILL)
    wait_for(lambda: len(set(gateway.workers().values()) - {first.process}) == 2)
    with at_each_worker(gateway) as anew:
        assert [lets_in(worker) for worker in anew] == [False, False]


def test_worker_avoids_replicas_that_another_keeps_busy(gateway, workers, wait_for):
    """With no call of its own in flight, it would use both replicas in turn."""

    def replicas():
        return {other.call("server").text.rpartition(" ")[2] for _ in range(8)}

    busy, other = workers
    gateway.deploy("server", "server")
    [first] = replicas()
    held = gateway.connections(busy.process, 6)
    for connection in held:
        connection.request("POST", "/function/server", b"", {"X-Sleep": "4"})
    gateway.scale("server", 2)
    gateway.wait_available("server", 2)

    found = wait_for(lambda: len(found := replicas()) == 1 and found, 3.5)
    assert found != {first}
    for connection in held:
        assert connection.getresponse().read().endswith(first.encode())
        connection.close()
    wait_for(lambda: len(replicas()) == 2)
