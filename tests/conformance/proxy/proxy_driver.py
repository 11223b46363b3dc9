"""A proxy that runs in a thread of this process, and clients of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, ProxySettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate, RoutingChange
from tests.conformance.proxy.replica import Replica
from tests.conformance.proxy.wire import PATIENCE, Message, Wire, quietly_close

Result = TypeVar("Result")
ECHO = FunctionKey("echo", "openfaas-fn")


class RunningProxy:
    """A running proxy with one function, `echo`, whose replica is `replica`."""

    def __init__(
        self,
        replica: Replica,
        control: Replica,
        wake: Callable[[FunctionKey], Awaitable[None]] | None = None,
        tls: ssl.SSLContext | None = None,
        **settings: Any,
    ) -> None:
        self.replica = replica
        self.metrics = InvocationMetrics()
        self._routes = RoutingTable()
        self._routes.apply(RouteUpdate(ECHO, (replica.endpoint,), 1))
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._clients: list[Wire] = []
        self._proxy = Proxy(
            self._routes,
            Endpoint("control", "127.0.0.1", control.port),
            ProxySettings(port=0, **settings),
            self.metrics,
            wake,
        )
        self._thread.start()
        self.run(self._proxy.start(tls=tls))
        self.port = int(self._proxy.addresses()[0].rpartition(":")[2])
        self.stopped = False

    # The proxy.

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something in the proxy's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def call(self, work: Callable[[], Result]) -> Result:
        """Call something in the proxy's loop, and wait for it."""

        async def called() -> Result:
            return work()

        return self.run(called())

    def route(self, change: RoutingChange) -> None:
        """Apply a change of routing."""
        self.call(lambda: self._routes.apply(change))

    def replicas(self, *replicas: Replica, desired: int | None = None, **fields: Any) -> None:
        """Change the replicas of `echo`."""
        endpoints = tuple(replica.endpoint for replica in replicas)
        self.route(RouteUpdate(ECHO, endpoints, len(endpoints) if desired is None else desired, **fields))

    def in_flight(self) -> int:
        """Calls of `echo` in flight."""
        return self.call(lambda: self.metrics.in_flight(ECHO))

    def codes(self) -> dict[int, int]:
        """Finished calls of `echo`, by status."""
        return self.call(lambda: {code: series.count for code, series in self.metrics.meter(ECHO).codes.items()})

    def begin_stop(self, grace: float = PATIENCE) -> Callable[[], None]:
        """Begin to stop; the returned function waits until the proxy has stopped."""
        self.stopped = True
        stopping = asyncio.run_coroutine_threadsafe(self._proxy.stop(grace), self._loop)
        return lambda: stopping.result(PATIENCE)

    def close(self) -> None:
        """Stop at once, and close every client."""
        for client in self._clients:
            quietly_close(client.sock)
        if not self.stopped:
            self.run(self._proxy.stop(0))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    # Its clients.

    def connect(self, receive_buffer: int | None = None) -> Wire:
        """A new connection to the proxy."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock)
        self._clients.append(wire)
        return wire

    def ask(self, request: bytes) -> Message:
        """The response to one request, on a new connection."""
        wire = self.connect()
        wire.send(request)
        return wire.response(request.partition(b" ")[0].decode("latin-1"))


def get(path: str = "/function/echo", *lines: str) -> bytes:
    """A GET request without a body."""
    return _head("GET", path, lines)


def post(body: bytes, *lines: str, path: str = "/function/echo") -> bytes:
    """A POST request with a length."""
    return _head("POST", path, (f"Content-Length: {len(body)}", *lines)) + body


def chunked(*chunks: bytes, path: str = "/function/echo") -> bytes:
    """A POST request with a chunked body."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return _head("POST", path, ("Transfer-Encoding: chunked",)) + body + b"0\r\n\r\n"


def _head(method: str, path: str, lines: tuple[str, ...]) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: proxy.test", *lines, "\r\n")).encode("latin-1")


def ok(body: bytes, *lines: str) -> bytes:
    """A response with a length."""
    return "\r\n".join(("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines, "\r\n")).encode("latin-1") + body
