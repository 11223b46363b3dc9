"""A front door on a port of its own, in front of an upstream that does what a test tells it."""

import asyncio
import contextlib
import socket
import threading
import time

import pytest

from faas_runtime.gateway.door import DoorSettings, FrontDoor
from faas_runtime.gateway.metrics import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteRemoved, RouteUpdate

LIMIT = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """One end of a connection, with the few words of HTTP a test needs."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        sock.settimeout(LIMIT)

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return data

    def until(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        end = self.buffer.index(mark) + len(mark)
        taken, self.buffer = self.buffer[:end], self.buffer[end:]
        return taken

    def exactly(self, size):
        while len(self.buffer) < size:
            if not self.more():
                raise EOFError(self.buffer)
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def head(self):
        return Head(self.until(b"\r\n\r\n"))

    def body(self, head):
        if head.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                parts.append(self.exactly(size))
                assert self.exactly(2) == b"\r\n"
            while self.until(b"\r\n") != b"\r\n":
                pass
            return b"".join(parts)
        return self.exactly(int(head.get("content-length", "0")))

    def rest(self):
        """Everything until the other side closes; a reset counts as closing."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        taken, self.buffer = self.buffer, b""
        return taken

    def closed(self):
        """Whether the other side has closed, with nothing left to read."""
        try:
            return self.rest() == b""
        except TimeoutError:
            return False

    def close(self):
        self.sock.close()


class Head:
    """A parsed head: the first line, and fields by lower-case name."""

    def __init__(self, data):
        first, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        self.line = first
        self.fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    @property
    def status(self):
        return int(self.line.split()[1])

    def get(self, name, default=None):
        return next((value for key, value in self.fields if key == name), default)

    def all(self, name):
        return [value for key, value in self.fields if key == name]


class Upstream:
    """Accepts connections and gives each to `serve`, a function of a Peer, in a thread of its own."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heads, self.bodies, self.connections = [], [], 0
        self.serve = self.answer(OK)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(Peer(sock),), daemon=True).start()

    def _run(self, peer):
        with contextlib.suppress(OSError, EOFError):
            self.serve(peer)
        peer.close()

    def read(self, peer):
        """One request, recorded."""
        head = peer.head()
        self.heads.append(head)
        self.bodies.append(peer.body(head))
        return head

    def answer(self, *answers):
        """Serve requests one after the other, each with the next answer; the last one is repeated."""
        queue = list(answers)

        def serve(peer):
            while True:
                self.read(peer)
                peer.send(queue.pop(0) if len(queue) > 1 else queue[0])

        return serve

    def close(self):
        self.listener.close()


class Door:
    """A front door in a thread, with one function `fn` on the upstream."""

    key = FunctionKey("fn", "openfaas-fn")

    def __init__(self, upstream, control, **changes):
        self.upstream, self.control = upstream, control
        self.settings = DoorSettings(**{"port": 0, **changes})
        self.woken = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        assert self._started.wait(LIMIT)

    async def _main(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.routes = RoutingTable()
        self.metrics = InvocationMetrics()
        control = Endpoint("control", "127.0.0.1", self.control.port)
        self.door = FrontDoor(self.routes, control, self.settings, self.metrics, self._wake)
        self.routes.apply(self.route(self.upstream.port))
        await self.door.start()
        self.port = int(self.door.addresses()[0].rpartition(":")[2])
        self._started.set()
        await self._stop.wait()
        await self.door.stop(0)

    async def _wake(self, key):
        self.woken.append(key)

    def route(self, *ports, **changes):
        endpoints = tuple(Endpoint(f"fn-{port}", "127.0.0.1", port) for port in ports)
        return RouteUpdate(self.key, endpoints, **{"replicas": len(ports), **changes})

    def apply(self, change):
        """Change the routing, in the loop it belongs to."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (self.routes.apply(change), done.set()))
        assert done.wait(LIMIT)

    def remove(self):
        self.apply(RouteRemoved(self.key))

    def begin_stop(self, grace):
        return asyncio.run_coroutine_threadsafe(self.door.stop(grace), self._loop)

    def connect(self):
        return Peer(socket.create_connection(("127.0.0.1", self.port), LIMIT))

    def exchange(self, request):
        """Send bytes on a connection of its own; returns the head and the body of the answer."""
        peer = self.connect()
        try:
            peer.send(request)
            head = peer.head()
            body = b"" if request.startswith(b"HEAD") or head.status in (204, 304) else peer.body(head)
            return head, body
        finally:
            peer.close()

    def close(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(LIMIT)


def request(method="GET", target="/function/fn", body=None, fields=(), host="example.com"):
    """The bytes of a request."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def eventually(check):
    """Wait until a condition holds."""
    deadline = time.monotonic() + LIMIT
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def control():
    server = Upstream()
    server.serve = server.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontrol")
    yield server
    server.close()


@pytest.fixture
def make_door(upstream, control):
    """Start a door with other settings than the usual."""
    doors = []

    def make(**changes):
        doors.append(Door(upstream, control, **changes))
        return doors[-1]

    yield make
    for each in doors:
        each.close()


@pytest.fixture
def door(make_door):
    return make_door()
