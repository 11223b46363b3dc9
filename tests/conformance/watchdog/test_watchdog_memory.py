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
from pathlib import Path

import pytest
from watchdog_driver import eventually, free_port

FUNCTION = Path(__file__).parent / "upstream_function.py"
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


def test_many_calls_with_dying_processes_leave_nothing_behind(start):
    """10,000 calls of 64 clients would take a minute on a small machine; CI runs them, others a tenth."""
    calls = 10_000 if os.environ.get("CI") else 1_000
    watchdog = start("cat")
    left, lock = [calls], threading.Lock()
    failures: list[str] = []

    def client() -> None:
        while True:
            with lock:
                if left[0] == 0:
                    return
                left[0] -= 1
                number = left[0]
            try:
                answer = watchdog.call(body=f"body {number}")
            except OSError as error:
                failures.append(str(error))
                continue
            killed = answer.status == 500 and answer.text.startswith("signal: killed\n")
            if not killed and (answer.status, answer.text) != (200, f"body {number}"):
                failures.append(f"{answer.status} {answer.text}")

    def settled() -> bool:
        return gauge(watchdog, "http_requests_in_flight") == 0 and not children(watchdog.process.pid)

    for _ in range(100):
        watchdog.call(body="warm up")
    eventually("it is idle", settled)
    before = {name: gauge(watchdog, name) for name in ("go_goroutines", "process_open_fds")}
    threads = [threading.Thread(target=client) for _ in range(64)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for victim in children(watchdog.process.pid)[:1]:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        threads[0].join(timeout=0.05)
    for thread in threads:
        thread.join()

    assert failures == []
    eventually("no process is left", settled)
    eventually("no goroutine is left", lambda: gauge(watchdog, "go_goroutines") <= before["go_goroutines"] + 2)
    eventually("no descriptor is left", lambda: gauge(watchdog, "process_open_fds") <= before["process_open_fds"] + 2)
    assert watchdog.resident() < 3 * FLAT


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
            return len(zombies) >= 20

        eventually("twenty calls are answered", ask)
        assert max(zombies) <= 5
    finally:
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        process.kill()
        process.wait()
