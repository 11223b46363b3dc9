"""Asynchronous calls while their gateway is killed again and again.

`FAAS_CRASH_CALLS` and `FAAS_CRASH_KILLS` make it longer than the few seconds it takes by default.
"""

import http.client
import os
import socket
import sys
import threading
import time
from collections import Counter

import pytest

from tests.gateways import Gateway

CALLS = int(os.environ.get("FAAS_CRASH_CALLS", "300"))
KILLS = int(os.environ.get("FAAS_CRASH_KILLS", "3"))
CONCURRENCY = 10

# Writes down which calls came; one write is one line, whatever runs at the same time.
COUNTER = """
import http.server, os

log = os.open(os.environ["COUNT_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        os.write(log, self.headers["X-Call-Id"].encode() + b"\\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Caller(threading.Thread):
    """Submits calls as fast as they are accepted; those it has an answer for count."""

    def __init__(self, port, share):
        super().__init__()
        self.port, self.share, self.accepted = port, share, []

    def run(self):
        connection = None
        while len(self.accepted) < self.share:
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", "/async-function/counter", b"x" * 100)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 202:
                    self.accepted.append(answer.headers["X-Call-Id"])
                else:
                    time.sleep(0.02)
            except (OSError, http.client.HTTPException):
                connection = None  # killed: not accepted, so nobody may count on it
                time.sleep(0.02)


def counting(gateway, seen):
    """Deploy the function that writes down which calls came."""
    environment = {"fprocess": f"{sys.executable} counter.py", "mode": "http", "upstream_url": "http://127.0.0.1:1"}
    gateway.add_image("counter", {"counter.py": COUNTER}, environment, {"io.faas.upstream-port-env": "PORT"})
    annotations = {
        "com.openfaas.retry.min_wait": "200ms",
        "com.openfaas.retry.max_wait": "1s",
        "com.faas.isolation": "none",  # it writes where the test reads
    }
    gateway.deploy("counter", "counter", envVars={"COUNT_FILE": str(seen)}, annotations=annotations)


def calling(*ports):
    """Four callers, who share the gateways."""
    callers = [Caller(ports[number % len(ports)], CALLS // 4) for number in range(4)]
    for caller in callers:
        caller.start()
    return callers


def accepted_by(callers):
    """The ids of all calls that were accepted until now."""
    return {call_id for caller in callers for call_id in list(caller.accepted)}


def made_twice(callers, seen, wait_for):
    """How many calls were made again, once every accepted one has been made."""
    for caller in callers:
        caller.join()
    accepted = accepted_by(callers)
    wait_for(lambda: accepted <= set(seen.read_text().splitlines()), 120 + CALLS / 100)
    twice = sum(count - 1 for count in Counter(seen.read_text().splitlines()).values())
    print(f"{len(accepted)} accepted, {twice} made twice")
    return twice


@pytest.fixture
def port():
    """A port that stays the same when a gateway is started again."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_every_accepted_call_is_made_although_the_gateway_is_killed(gateway, port, tmp_path, wait_for):
    gateway.stop()
    gateway.options[gateway.options.index("--port") + 1] = str(port)
    gateway.start()
    seen = tmp_path / "seen"
    counting(gateway, seen)
    callers = calling(port)
    for kill in range(1, KILLS + 1):
        goal = CALLS * kill // (KILLS + 1)
        wait_for(lambda goal=goal: len(accepted_by(callers)) >= goal, 120)
        gateway.kill()
        gateway.start()
    assert made_twice(callers, seen, wait_for) <= KILLS * CONCURRENCY


def test_every_accepted_call_is_made_although_nats_is_killed(gateway, nats, tmp_path, wait_for):
    """The gateway goes on by itself as soon as the server is back."""
    gateway.stop()
    gateway.options += ["--nats", nats.url, "--queue-lease", "6"]
    gateway.start()
    seen = tmp_path / "seen"
    counting(gateway, seen)
    callers = calling(int(gateway.url.rpartition(":")[2]))
    for kill in range(1, KILLS + 1):
        goal = CALLS * kill // (KILLS + 1)
        wait_for(lambda goal=goal: len(accepted_by(callers)) >= goal, 120)
        nats.kill()
        nats.start()
        wait_for(nats.accepts)
    # Calls that end while the server is away are made again once their lease has run out.
    assert made_twice(callers, seen, wait_for) <= max(KILLS * CONCURRENCY, CALLS // 100)


def test_no_call_is_lost_when_one_of_two_gateways_dies(tmp_path, nats, watchdog_binary, wait_for):
    """The other one makes those that it had begun, too."""
    seen = tmp_path / "seen"
    gateways = []
    for who in ("one", "two"):
        (tmp_path / who).mkdir()
        gateways.append(Gateway(tmp_path / who, "--nats", nats.url, "--queue-lease", "6"))
        gateways[-1].start()
        counting(gateways[-1], seen)
    try:
        callers = calling(*(int(each.url.rpartition(":")[2]) for each in gateways))
        wait_for(lambda: len(accepted_by(callers)) >= CALLS // 2, 120)
        gateways[1].kill()
        for caller in callers:
            # Whoever called the dead one calls the other now, as behind a balancer.
            caller.port = callers[0].port
        assert made_twice(callers, seen, wait_for) <= 2 * CONCURRENCY
    finally:
        for each in gateways[:1]:
            each.stop()
