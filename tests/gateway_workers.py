"""A gateway with several workers, and connections of which one knows the worker that has accepted them."""

import contextlib
import os
import re
import socket
import sys
import urllib.request
from pathlib import Path

from tests.gateways import ECHO, SERVER, Answer, Gateway


class WithWorkers(Gateway):
    """A gateway with two workers and its metrics on."""

    def __init__(self, state, *options):
        super().__init__(state, "--workers", "2", *options)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.metrics_port = probe.getsockname()[1]
        self.options[self.options.index("--metrics-port") + 1] = str(self.metrics_port)

    def add_images(self):
        """The images `echo` and `server`."""
        self.add_image("echo", {"echo.py": ECHO}, {"fprocess": f"{sys.executable} echo.py"})
        variables = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
        self.add_image("server", {"server.py": SERVER}, variables, {"io.faas.upstream-port-env": "PORT"})

    def workers(self):
        """Process numbers of those that serve now, by their number here."""
        found = re.findall(r"worker (\d+) serves \(process (\d+)\)", self.log())
        return {number: int(process) for number, process in found}

    def page(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            return answer.read().decode().splitlines()

    def connections(self, process, count):
        """So many connections, each accepted by this process."""
        found = []
        for _ in range(64 * count):
            connection = self.connection()
            # It has been accepted once it has been answered.
            connection.request("GET", "/function/nobody")
            connection.getresponse().read()
            if holder(connection.sock, [process]) is None:
                connection.close()
                continue
            found.append(connection)
            if len(found) == count:
                return found
        raise AssertionError(f"process {process} accepts no connections")


class AtWorker:
    """A client that always talks to the same worker."""

    def __init__(self, gateway, process):
        self.gateway, self.process = gateway, process
        [self.connection] = gateway.connections(process, 1)

    def ask(self, method, path, body=b"", headers=None):
        self.connection.request(method, path, body, headers or {})
        # A worker that has hung up since would have been replaced by whoever accepts the next connection.
        answer = self.connection.getresponse()
        result = Answer(answer.status, answer.headers, answer.read())
        if self.connection.sock is None:
            [self.connection] = self.gateway.connections(self.process, 1)
        return result

    def call(self, name, **headers):
        return self.ask(
            "POST", f"/function/{name}", b"", {key.replace("_", "-"): text for key, text in headers.items()}
        )


@contextlib.contextmanager
def at_each_worker(gateway):
    """One client for each worker."""
    clients = [AtWorker(gateway, process) for process in gateway.workers().values()]
    assert len(clients) == 2
    try:
        yield clients
    finally:
        for client in clients:
            client.connection.close()


def holder(sock, processes):
    """Which of the processes has the other end of a TCP connection; None if none has."""
    ours, theirs = (f"{address[1]:04X}" for address in (sock.getsockname(), sock.getpeername()))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(f":{theirs}") and words[2].endswith(f":{ours}"):
            return next((process for process in processes if f"socket:[{words[9]}]" in descriptors(process)), None)
    return None


def descriptors(process):
    """What the descriptors of a process are."""
    found = []
    for entry in os.scandir(f"/proc/{process}/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(entry.path))
    return found
