"""Asynchronous calls while their gateway is killed again and again.

`FAAS_CRASH_CALLS` and `FAAS_CRASH_KILLS` make it longer than the few seconds it takes by default.
"""

import http.client
import os
import socket
import threading
import time
from collections import Counter

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


def test_every_accepted_call_is_made_although_the_gateway_is_killed(gateway, tmp_path, wait_for):
    import sys

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    gateway.stop()
    gateway.options[gateway.options.index("--port") + 1] = str(port)
    gateway.start()
    environment = {"fprocess": f"{sys.executable} counter.py", "mode": "http", "upstream_url": "http://127.0.0.1:1"}
    gateway.add_image("counter", {"counter.py": COUNTER}, environment, {"io.faas.upstream-port-env": "PORT"})
    seen = tmp_path / "seen"
    retries = {"com.openfaas.retry.min_wait": "200ms", "com.openfaas.retry.max_wait": "1s"}
    gateway.deploy("counter", "counter", envVars={"COUNT_FILE": str(seen)}, annotations=retries)

    callers = [Caller(port, CALLS // 4) for _ in range(4)]
    for caller in callers:
        caller.start()
    for kill in range(1, KILLS + 1):
        goal = CALLS * kill // (KILLS + 1)
        wait_for(lambda goal=goal: sum(len(caller.accepted) for caller in callers) >= goal, 120)
        gateway.kill()
        gateway.start()
    for caller in callers:
        caller.join()

    accepted = {call_id for caller in callers for call_id in caller.accepted}
    wait_for(lambda: accepted <= set(seen.read_text().splitlines()), 120)
    times = Counter(seen.read_text().splitlines())
    twice = sum(count - 1 for count in times.values())
    print(f"{len(accepted)} accepted, {KILLS} kills, {twice} made twice")
    assert twice <= KILLS * CONCURRENCY
