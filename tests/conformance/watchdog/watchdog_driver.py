"""Start a watchdog binary as a platform would, and talk to it over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[3] / "runtime" / "watchdog"
MEASURED = {name: os.environ[name] for name in ("GOCOVERDIR",) if name in os.environ}
"""Where watchdogs write what they ran, when coverage is measured."""
FUNCTION = Path(__file__).parent / "upstream_function.py"
DEADLINE = 15.0  # seconds after which anything a test waits for counts as missing


def free_port() -> int:
    """A free port below those the system hands out by itself: nobody takes it by chance before it is used."""
    while True:
        port = random.randrange(12000, 32000)
        try:
            with socket.create_server(("", port)):
                return port
        except OSError:
            continue


def settings_of_function(*options: str, base: str = "") -> dict[str, str]:
    """Mode http with the test function on a port of its own."""
    port = free_port()
    return {
        "fprocess": " ".join([sys.executable, "-S", str(FUNCTION), str(port), *options]),
        "mode": "http",
        "upstream_url": f"http://127.0.0.1:{port}{base}",
        "healthcheck_interval": "0",
    }


def eventually(what: str, condition: Callable[[], bool]) -> None:
    """Poll until a condition holds; fail, naming it, when it does not in time."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def variables(self) -> dict[str, str]:
        """The body as the output of `env`."""
        return dict(line.split("=", 1) for line in self.text.splitlines() if "=" in line)


def seen(answer: Answer | bytes) -> dict[str, Any]:
    """What the test's function says it received."""
    received: dict[str, Any] = json.loads(
        answer.body if isinstance(answer, Answer) else answer.partition(b"\r\n\r\n")[2]
    )
    return received


class Conversation:
    """Requests and answers on one connection, read one after the other as they are on the wire."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.file = connection, connection.makefile("rb")

    def send(self, data: bytes | str) -> None:
        self.connection.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def send_taken(self, data: bytes) -> None:
        """Send, and wait until the watchdog has read it: what follows is a packet of its own."""
        self.send(data)
        eventually("the watchdog reads what was sent", lambda: unread(self.connection) == 0)

    def ask(self, request: bytes | str, method: str = "GET") -> Answer:
        self.send(request)
        return self.answer(method)

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, complete, with its trailers among the headers; those before the real one are skipped."""
        status = 100
        while status < 200:
            line = self.file.readline()
            if not line:
                raise AssertionError("hung up instead of an answer")
            status = int(line.split()[1])
            headers = http.client.parse_headers(self.file)
        if method == "HEAD" or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("Transfer-Encoding") == "chunked":
            return Answer(status, headers, self._chunks(headers))
        length = headers.get("Content-Length")
        return Answer(status, headers, self.file.read() if length is None else self.file.read(int(length)))

    def _chunks(self, headers: http.client.HTTPMessage) -> bytes:
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            assert self.file.readline() == b"\r\n"
        for name, value in http.client.parse_headers(self.file).items():
            headers[name] = value
        return body

    def rest(self) -> bytes:
        """Everything until the watchdog hangs up; a reset counts as that."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""


class Watchdog:
    """One running watchdog with an ephemeral port, its own lock folder and its log in a file."""

    def __init__(self, command: Sequence[str | Path], folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.metrics_port = free_port()
        self.log_path = folder / "log"
        self.lock = folder / ".lock"
        base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own = {"port": str(self.port), "metrics_port": str(self.metrics_port), "TMPDIR": str(folder)}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command, env={**MEASURED, **base, **own, **env}, stdout=log, stderr=log, cwd=folder
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_until_up(self) -> Watchdog:
        eventually("the watchdog listens", lambda: self._listens() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log
        return self

    def _listens(self) -> bool:
        if "listening on" not in self.log and not self.lock.exists():
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def call(
        self, method: str = "POST", path: str = "/", body: bytes | str | None = None, **headers: str | list[str]
    ) -> Answer:
        """One request on a connection of its own. Header names: X_Call_Id is sent as X-Call-Id."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            data = body.encode() if isinstance(body, str) else body
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            for name, values in headers.items():
                for value in [values] if isinstance(values, str) else values:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(data)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str | list[str]) -> Answer:
        return self.call("GET", path, **headers)

    def raw(self, request: bytes | str, finish: bool = False) -> bytes:
        """Send bytes as they are and return everything that comes until the watchdog hangs up."""
        with self.connect() as connection:
            connection.sendall(request.encode() if isinstance(request, str) else request)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
            yield connection

    @contextmanager
    def converse(self) -> Iterator[Conversation]:
        with self.connect() as connection:
            conversation = Conversation(connection)
            with conversation.file:
                yield conversation

    def metrics(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=DEADLINE)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def resident(self) -> int:
        """Highest resident size so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        return self.process.wait(timeout=DEADLINE)

    def close(self) -> None:
        if self.process.poll() is None and MEASURED:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.send_signal(signal.SIGUSR2)
                self.process.wait(2)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side hangs up; a reset counts as that."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def read_until(connection: socket.socket, marker: bytes) -> bytes:
    """What arrives up to and including a marker."""
    received = b""
    while marker not in received:
        piece = connection.recv(65536)
        if not piece:
            raise AssertionError(f"hung up before {marker!r}; got {received!r}")
        received += piece
    return received


def unread(connection: socket.socket) -> int:
    """How many of the bytes we sent over loopback the other side has not read yet."""
    ours, theirs = connection.getsockname()[1], connection.getpeername()[1]
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for row in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = row.split()
            local, remote = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
            if (local, remote) == (theirs, ours):
                return int(fields[4].partition(":")[2], 16)
    raise AssertionError("the watchdog has hung up")


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return content.rpartition(")")[2].split()[0] != "Z"


def read_pid(path: Path) -> int:
    """The number a script has written into a file, once it is there."""
    eventually(f"a process writes {path.name}", lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())
