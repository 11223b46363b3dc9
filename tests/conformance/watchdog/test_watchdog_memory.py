"""Bodies of any size in constant memory, and nothing left behind by many calls."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conformance.watchdog.watchdog_driver import FUNCTION, eventually, free_port

SIZE = 100 * 1024 * 1024
FLAT = 24 * 1024 * 1024  # bytes of resident memory that a body of any size may not exceed


def send_and_compare(watchdog, path, framing) -> None:
    """Send SIZE bytes while reading the answer, and compare digests."""
    piece = random.randbytes(1 << 20)
    sent = hashlib.sha256()
    with watchdog.connect() as connection:
        extra = "Transfer-Encoding: chunked" if framing == "chunked" else f"Content-Length: {SIZE}"
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{extra}\r\n\r\n".encode())

        def send() -> None:
            for _ in range(SIZE // len(piece)):
                sent.update(piece)
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
            if framing == "chunked":
                connection.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        received = read_digest(connection)
        sender.join()
    assert received == sent.hexdigest()


def read_digest(connection: socket.socket) -> str:
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert response.status == 200
    digest = hashlib.sha256()
    while piece := response.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("mode", ["", "streaming"])
def test_memory_is_flat_with_a_process_per_request(start, mode, framing):
    watchdog = start("cat", mode=mode)

    send_and_compare(watchdog, "/", framing)

    assert watchdog.resident() < FLAT


def test_memory_is_flat_with_a_process_that_stays(start):
    port = free_port()
    command = f"{sys.executable} -S {FUNCTION} {port}"
    watchdog = start(command, mode="http", upstream_url=f"http://127.0.0.1:{port}")

    send_and_compare(watchdog, "/mirror", "length")

    assert watchdog.resident() < FLAT


def children(pid: int) -> list[int]:
    """Children of all threads of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:  # the thread has ended
            continue
    return found


def gauge(watchdog, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", watchdog.metrics(), re.MULTILINE)
    assert found is not None
    return float(found[1])


class Load:
    """64 clients that call as fast as they can, and somebody who kills processes at random."""

    def __init__(self, watchdog, calls: int) -> None:
        self.watchdog, self.left, self.lock = watchdog, calls, threading.Lock()
        self.failures: list[str] = []
        self.killed = 0

    def run(self) -> None:
        threads = [threading.Thread(target=self.client) for _ in range(64)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for victim in children(self.watchdog.process.pid)[:1]:
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            next((thread for thread in threads if thread.is_alive()), threads[0]).join(timeout=0.02)

    def client(self) -> None:
        while (number := self.next()) >= 0:
            try:
                answer = self.watchdog.call(body=f"body {number}")
            except OSError as error:
                self.failures.append(str(error))
                continue
            if answer.status == 500 and answer.text.startswith("signal: killed\n"):
                self.killed += 1
            elif (answer.status, answer.text) != (200, f"body {number}"):
                self.failures.append(f"{answer.status} {answer.text}")

    def next(self) -> int:
        with self.lock:
            self.left -= 1
            return self.left


def test_many_calls_with_dying_processes_leave_nothing_behind(start):
    """CI makes 10,000 calls; a person in a hurry is served with less.

    The first load counts for nothing: Go's runtime keeps the descriptors of as many goroutines and threads as
    ever were at once. Measured over 20,000 calls, memory stops growing after the first 5,000.
    """
    watchdog = start("cat")
    kept = ("go_goroutines", "process_open_fds", "process_resident_memory_bytes")

    def settled() -> bool:
        return gauge(watchdog, "http_requests_in_flight") == 0 and not children(watchdog.process.pid)

    def measure() -> dict[str, float]:
        """After the watchdog has been idle for so long that it has given back what it does not need."""
        eventually("no process is left", settled)
        time.sleep(3)
        return {name: gauge(watchdog, name) for name in kept}

    calls = 10_000 if os.environ.get("CI") else 2_000
    Load(watchdog, calls // 2).run()
    before = measure()
    load = Load(watchdog, calls)
    load.run()
    after = measure()

    assert load.failures == []
    assert load.killed > 0
    assert after["go_goroutines"] <= before["go_goroutines"] + 2
    assert after["process_open_fds"] <= before["process_open_fds"] + 2
    assert after["process_resident_memory_bytes"] <= before["process_resident_memory_bytes"] * 1.2


def test_many_calls_of_a_process_that_misbehaves_leave_nothing_behind(start):
    port = free_port()
    command = f"{sys.executable} -S {FUNCTION} {port}"
    watchdog = start(command, mode="http", upstream_url=f"http://127.0.0.1:{port}", exec_timeout="5s")
    eventually("the function is ready", lambda: watchdog.get("/_/ready").status == 200)
    before = {name: gauge(watchdog, name) for name in ("go_goroutines", "process_open_fds")}
    unexpected: list[str] = []

    def client() -> None:
        for path in ("/html", "/hang-up", "/last", "/refuse", "/garbage", "/cut", "/until-close", "/trailers") * 3:
            for body in (None, b"x" * 100, b"x" * 50_000):
                with suppress(OSError, http.client.HTTPException):
                    answer = watchdog.call("POST" if body else "GET", path, body)
                    if answer.status not in (200, 413, 500):
                        unexpected.append(f"{path}: {answer.status}")

    threads = [threading.Thread(target=client) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert unexpected == []
    # Connections to the function are closed when nothing happens for two seconds.
    for name, value in before.items():
        eventually(f"{name} falls again", lambda: gauge(watchdog, name) <= value + 2)  # noqa: B023


def test_orphans_are_reaped_as_the_first_process(binary, tmp_path):
    """In a container the watchdog is PID 1 and inherits what its functions leave behind."""
    probe = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*probe, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us make a PID namespace")
    script = tmp_path / "orphan.sh"
    script.write_text("(true >/dev/null 2>&1 & ) ; ps -e -o stat= | grep -c Z; true\n")
    port, env = free_port(), {"PATH": os.environ["PATH"], "fprocess": f"sh {script}", "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*probe, binary], env=env | {"port": str(port), "metrics_port": "off"}, stderr=-3)
    try:
        zombies = []

        def ask() -> bool:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) != 0:
                    return False
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b""
                while piece := connection.recv(4096):
                    answer += piece
            zombies.append(int(answer.split()[-1]))
            return len(zombies) >= 20 and zombies[-1] <= 2

        eventually("twenty calls are answered and hardly a zombie is left", ask)
    finally:
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()
