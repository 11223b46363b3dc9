"""Requests in a second of the runtime's HTTP client, beside aiohttp and httpcore where they are installed.

    python benchmarks/http_client.py [SECONDS]

One process holds a server on a Unix socket, this one 32 clients in one event loop. Each request has a
connection of its own, as the queue wants it. Measured in turns, so that all see the same machine.
"""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from faas_runtime.core.http import Address, request

CLIENTS = 32
ROUNDS = 3
BODY = b"x" * 256
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 256\r\nConnection: close\r\n\r\n" + BODY

Call = Callable[[], Awaitable[int]]


class _Server(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(BODY):
            self._transport.write(ANSWER)  # type: ignore[attr-defined]
            self._transport.close()


def _serve(path: str) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_unix_server(_Server, path)
        await server.serve_forever()

    uvloop.run(run())


def _ours(path: str) -> Call:
    address = Address("bench", 80, unix=path)

    async def call() -> int:
        async with request(address, "POST", "/", [("Content-Type", "text/plain")], BODY) as response:
            return len(await response.body())

    return call


def _aiohttp(path: str) -> Call:
    import aiohttp

    connector = aiohttp.UnixConnector(path, force_close=True)

    async def call() -> int:
        session = aiohttp.ClientSession(connector=connector, connector_owner=False)
        async with session, session.post("http://bench/", data=BODY) as response:
            return len(await response.read())

    return call


def _httpcore(path: str) -> Call:
    import httpcore

    pool = httpcore.AsyncConnectionPool(uds=path, max_connections=CLIENTS, max_keepalive_connections=0)

    async def call() -> int:
        return len((await pool.request("POST", "http://bench/", content=BODY)).content)

    return call


async def _rate(call: Call, seconds: float) -> float:
    """Requests in a second, all clients together."""
    end = time.monotonic() + seconds

    async def client() -> int:
        number = 0
        while time.monotonic() < end:
            assert await call() == len(BODY)
            number += 1
        return number

    started = time.monotonic()
    total = sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))
    return total / (time.monotonic() - started)


async def _measure(path: str, seconds: float) -> None:
    sides = {"faas_runtime.core.http": _ours}
    sides |= {name: side for name, side in (("aiohttp", _aiohttp), ("httpcore", _httpcore)) if _installed(name)}
    calls = {name: side(path) for name, side in sides.items()}
    for number in range(ROUNDS):
        rates = {name: await _rate(call, seconds) for name, call in calls.items()}
        print(f"round {number + 1}: " + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()))


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def main() -> None:
    """Start the server, measure, stop it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "socket")
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(path,), daemon=True)
        server.start()
        while not Path(path).exists():
            time.sleep(0.05)
        try:
            uvloop.run(_measure(path, seconds))
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
