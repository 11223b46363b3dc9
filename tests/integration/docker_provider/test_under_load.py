"""Updates of a function and restarts of the gateway under load, on both engines."""

import http.client
import socket
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateways import Gateway, build_watchdog, update_under_load, wait_for

pytestmark = pytest.mark.integration

FUNCTION = "load"


def free_port():
    """A free port; a restarted gateway must have the same."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture(params=["process", "docker"])
def gateway(request, tmp_path):
    """A gateway with one replica of an echo function."""
    build_watchdog()
    state = tmp_path / "state"
    state.mkdir()
    made: Any = Gateway(state, "--engine", request.param, "--port", str(free_port()))
    if request.param == "docker":
        image = request.getfixturevalue("image")
    else:
        image = "load:1"
        made.add_image(image, {"empty": ""}, {"fprocess": "cat"})
    made.start()
    assert made.deploy(FUNCTION, image).status in (200, 202)
    made.image = image
    yield made
    made.delete(FUNCTION)
    if request.param == "docker":
        client = request.getfixturevalue("client")
        # Removed once its calls have drained, by the gateway that is asked to stop afterwards.
        wait_for(lambda: not mine(client, state), 30)
    made.stop()


def mine(client, state):
    """The containers of a state directory's gateway."""
    listed = client.containers.list(all=True, filters={"label": f"io.faas.function={FUNCTION}"}, ignore_removed=True)
    return [each for each in listed if each.labels["io.faas.gateway"] == instance_of(state)]


def instance_of(state):
    from faas_runtime.core.paths import instance_name

    return instance_name(state)


def test_no_call_fails_while_versions_change(gateway, tool):
    """wrk counts no failed response and no broken connection."""
    update_under_load(gateway, FUNCTION, gateway.image, tool("wrk"), updates=3, calls=100)
    assert gateway.call(FUNCTION, b"x").status == 200


class Load:
    """Clients with a new connection for every call; results with the times of their requests."""

    def __init__(self, url, callers=4):
        self._parts = urlsplit(url)
        self._over = threading.Event()
        self.asked = []
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self):
        while not self._over.is_set():
            began = time.monotonic()
            self.asked.append((began, self._outcome(), time.monotonic()))

    def _outcome(self):
        connection = http.client.HTTPConnection(self._parts.hostname, self._parts.port, timeout=30)
        try:
            connection.request("GET", f"/function/{FUNCTION}")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as err:
            # Nobody listens: a moment, as a client would take, else the load is all refusals.
            time.sleep(0.01)
            return type(err).__name__
        finally:
            connection.close()

    def succeeded(self):
        return sum(outcome == 200 for _, outcome, _ in list(self.asked))


def test_a_restart_of_the_gateway_under_load(gateway):
    """Only connections made while no gateway listens fail; every other call is answered."""
    with Load(gateway.url) as load:
        wait_for(lambda: load.succeeded() > 50, 30)
        stopping = time.monotonic()
        gateway.stop()
        gateway.start()
        started = time.monotonic()
        before = load.succeeded()
        wait_for(lambda: load.succeeded() > before + 50, 30)
    failed = [(began, outcome, ended) for began, outcome, ended in load.asked if outcome != 200]
    assert set(Counter(outcome for _, outcome, _ in failed)) <= {"ConnectionRefusedError", "ConnectionResetError"}, (
        failed
    )
    assert all(ended >= stopping and began <= started for began, _, ended in failed), failed
    assert failed, "the gateway was never away"
