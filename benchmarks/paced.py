"""Calls at a fixed rate, independent of the responses: `paced.py PORT UPSTREAM RATE CONNECTIONS SECONDS`.

wrk sends the next call after the last response, so a slow proxy gets fewer calls. Here each call has a time at
which it is due, and its latency counts from then. Prints p50, p99 and p99.9 in milliseconds.

This process is also the upstream, which echoes. Two processes on one core would wait for each other's time
slice, 4 ms, which would be the p99 with any proxy and with none. Started by gateway.py.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections import deque
from typing import cast

import uvloop

BODY = b"x" * 1024
# Caddy answers requests for other hosts with an empty page.
REQUEST = b"POST /function/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
_WARM_UP = 0.5
_TICK = 0.0005
_LAST = 5.0


class Upstream(asyncio.Protocol):
    """Answers a call once its body is complete."""

    def __init__(self) -> None:
        self._received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if 0 <= head <= len(self._received) - 4 - len(BODY):
            self._received = b""
            self.transport.write(ANSWER)


class Connection(asyncio.Protocol):
    """Makes one call at a time. The response echoes the body, so it ends with the body's last byte."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._due = 0.0
        self._received = bytearray()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, due: float) -> None:
        """Make a call that was due at this time."""
        self._due = due
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0 or len(self._received) < head + 4 + len(BODY):
            return
        assert self._received.startswith(b"HTTP/1.1 200"), bytes(self._received[:200])
        self._received.clear()
        self._load.done(self, self._due)


class Load:
    """Gives due calls to idle connections; calls without one wait, and that time counts."""

    def __init__(self, rate: float) -> None:
        self._pause = 1 / rate
        self._waiting: deque[float] = deque()
        self.idle: list[Connection] = []
        self.connections = 0
        self.times: list[float] = []
        self.from_then = 0.0

    async def run(self, seconds: float) -> None:
        """Make calls for so long, then wait for the last responses."""
        due = time.perf_counter()
        self.from_then, end = due + _WARM_UP, due + _WARM_UP + seconds
        while due < end:
            now = time.perf_counter()
            while due <= now:
                self._offer(due)
                due += self._pause
            await asyncio.sleep(_TICK)
        while time.perf_counter() < end + _LAST and len(self.idle) < self.connections:
            await asyncio.sleep(0.01)

    def done(self, connection: Connection, due: float) -> None:
        """A response has arrived."""
        if due >= self.from_then:
            self.times.append(time.perf_counter() - due)
        if self._waiting:
            connection.send(self._waiting.popleft())
        else:
            self.idle.append(connection)

    def _offer(self, due: float) -> None:
        if self.idle:
            self.idle.pop().send(due)
        else:
            self._waiting.append(due)


async def main(port: int, upstream: int, rate: float, connections: int, seconds: float) -> None:
    load = Load(rate)
    loop = asyncio.get_running_loop()
    await loop.create_server(Upstream, "127.0.0.1", upstream)
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
        load.idle.append(connection)
    load.connections = connections
    await load.run(seconds)
    times = sorted(load.times)
    if len(times) < 0.98 * rate * seconds:
        sys.exit(f"only {len(times)} of {rate * seconds:.0f} calls were answered")
    print(*(f"{times[int(len(times) * share)] * 1000:.3f}" for share in (0.5, 0.99, 0.999)))


# Its pauses would count as the proxy's latency.
gc.disable()
uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
