"""A gateway in front of a Swarm of three engines that loses one: calls recover, the queue loses none."""

import http.client
import threading
import time

import pytest

from tests.gateways import Gateway, wait_for
from tests.integration.swarm_provider.conftest import IMAGE

pytestmark = pytest.mark.integration

CALLS = 300
RECOVERY = 10.0
"""Seconds after the cut from which on no call may fail."""
LABELS = {"com.openfaas.scale.min": "6"}
ANNOTATIONS = {
    "com.faas.timeout": "3s",
    "com.openfaas.retry.attempts": "50",
    "com.openfaas.retry.min_wait": "200ms",
    "com.openfaas.retry.max_wait": "1s",
}


@pytest.fixture
def gateway(large):
    """A gateway whose functions are services of that Swarm."""
    large.folder.mkdir()
    found = Gateway(large.folder, "--engine", "swarm")
    found.start()
    yield found
    found.stop()


class Caller(threading.Thread):
    """Calls in a loop; records when a call failed."""

    def __init__(self, gateway):
        super().__init__()
        self.gateway, self.over, self.failed, self.answered = gateway, threading.Event(), [], 0

    def run(self):
        while not self.over.wait(0.02):
            try:
                good = self.gateway.call("fn").status == 200
            except (OSError, http.client.HTTPException):
                good = False
            if good:
                self.answered += 1
            else:
                self.failed.append(time.monotonic())


def test_a_machine_is_cut_off_and_killed(large, gateway):
    """Synchronous calls recover; every asynchronous one is made."""
    deployed = gateway.deploy("fn", IMAGE, envVars={"PAUSE": "50ms"}, labels=LABELS, annotations=ANNOTATIONS)
    assert deployed.status == 202, deployed
    wait_for(lambda: gateway.status("fn").get("availableReplicas") == 6, 60)
    victim = large.cluster.machines[2]
    callers = [Caller(gateway) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        ids = [submit(gateway) for _ in range(CALLS)]
        victim.cut_off()
        cut = time.monotonic()
        ids += [submit(gateway) for _ in range(CALLS)]
        wait_for(lambda: time.monotonic() - cut > RECOVERY, RECOVERY + 1)
        victim.kill()
        before = sum(caller.answered for caller in callers)
        wait_for(lambda: sum(caller.answered for caller in callers) > before + 100, 30)
    finally:
        for caller in callers:
            caller.over.set()
        for caller in callers:
            caller.join()
    late = [moment - cut for caller in callers for moment in caller.failed]
    print(f"\n{len(late)} calls failed, the last {max(late, default=0):.1f} s after the cut")
    assert max(late, default=0) < RECOVERY
    wait_for(lambda: gateway.ask("GET", f"/system/async/{ids[-1]}").json()["state"] == "done", 60)
    for call_id in ids:
        wait_for(lambda call_id=call_id: gateway.ask("GET", f"/system/async/{call_id}").json()["state"] == "done", 60)


def submit(gateway):
    """An asynchronous call's id, once it has been accepted."""
    answer = gateway.ask("POST", "/async-function/fn", b"x")
    assert answer.status == 202
    return answer.headers["X-Call-Id"]
