"""Many clients, replicas killed at random, the function scaled up and down: which calls fail, and why.

    python benchmarks/soak.py [--seconds 600] [--connections 500] [--workers N] [--sources]

A gateway with the process engine serves one function. Every call that fails must have been on a replica when
that was killed: the access log has each call's replica. Memory, descriptors and tasks of the idle gateway are
read after a tenth of the time and at the end. The proxy is compiled as in a wheel, unless you give --sources.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "runtime"), str(HERE.parent)]
sys.path.append(str(HERE))

from proxies import compiled_runtime  # noqa: E402

from tests.gateways import SERVER, Gateway, build_watchdog  # noqa: E402

# Python's server queues five connections by default; calls that waited for a replica arrive at once.
FUNCTION = SERVER.replace(
    "import http.server, os, time",
    """import http.server, os, time
http.server.ThreadingHTTPServer.request_queue_size = 1024""",
)
SCALE_INTERVAL = 5.0
# A replica that runs for less than ten seconds is restarted with a growing back-off; most should run longer.
KILL_INTERVAL = 6.0
MIN_REPLICAS, MAX_REPLICAS = 2, 5
_DETECTION_TIMEOUT = 3.0
_CLOCK_TOLERANCE = 0.1


@dataclass(slots=True)
class Soak:
    """Results of a run."""

    statuses: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    """Status of the calls that failed, by call id."""
    kills: dict[str, float] = field(default_factory=dict)
    """When each replica was killed."""
    scaled: int = 0
    killed_with: int = 0
    """Failed calls that were on a replica when it was killed."""
    sent_to_dead_replica: int = 0
    """Failed calls that began on a replica after it had been killed."""
    unexplained: list[str] = field(default_factory=list)
    usage: list[tuple[float, int, int]] = field(default_factory=list)
    """MB of memory, descriptors and tasks of the idle gateway."""


class Client:
    """One connection that makes calls in a loop, with pauses."""

    def __init__(self, port: int, number: int, soak: Soak) -> None:
        self._port, self._number, self._soak = port, number, soak
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def run(self, end: float) -> None:
        count = 0
        while time.monotonic() < end:
            count += 1
            await self._call(f"soak-{self._number}-{count}-{int(end)}")
            await asyncio.sleep(random.uniform(0.3, 1.2))
        self._close()

    async def _call(self, call_id: str) -> None:
        body = call_id.encode()
        head = f"POST /function/server HTTP/1.1\r\nHost: soak\r\nX-Call-Id: {call_id}\r\n"
        head += f"X-Sleep: {random.uniform(0, 0.2):.3f}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            if self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._writer.write(head.encode() + body)
            status, answer = await asyncio.wait_for(self._response(), 60)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            status, answer = type(error).__name__, b""
            self._close()
        if status == "200" and b" " + body + b" " not in answer:
            status = "another call's answer"
        self._soak.statuses[status] += 1
        if status != "200":
            self._soak.failed[call_id] = status

    async def _response(self) -> tuple[str, bytes]:
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        body = await self._reader.readexactly(length)
        if "connection: close" in head:
            self._close()
        return head.split()[1], body

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def kill_replicas(gateway: Gateway, soak: Soak, end: float, every: float) -> None:
    """Kill a replica at random intervals."""
    while time.monotonic() < end - 2:
        await asyncio.sleep(random.uniform(0.5, 1.5) * every)
        files = list((gateway.state / "process/marks").glob("*.json"))
        # The replica may have ended, or there may be none for a moment.
        with contextlib.suppress(OSError, ValueError, IndexError):
            file = random.choice(files)
            pid = json.loads(file.read_text())["pid"]
            soak.kills[file.stem] = time.time()
            os.kill(pid, signal.SIGKILL)


async def scale(gateway: Gateway, soak: Soak, end: float) -> None:
    """Scale to a random number of replicas at intervals."""
    while time.monotonic() < end - 2:
        await asyncio.sleep(SCALE_INTERVAL)
        answer = await asyncio.to_thread(gateway.scale, "server", random.randint(MIN_REPLICAS, MAX_REPLICAS))
        assert answer.status in (200, 202), answer
        soak.scaled += 1


async def load(gateway: Gateway, soak: Soak, seconds: float, connections: int) -> None:
    """Put the gateway under load for so many seconds."""
    end = time.monotonic() + seconds
    port = int(gateway.url.rpartition(":")[2])
    every = max(1.0, min(KILL_INTERVAL, seconds / 20))
    clients = [Client(port, number, soak).run(end) for number in range(connections)]
    await asyncio.gather(kill_replicas(gateway, soak, end, every), scale(gateway, soak, end), *clients)


def explain(gateway: Gateway, soak: Soak) -> None:
    """Match each failed call with the kill that caused it."""
    logged = {}
    for line in gateway.log().splitlines():
        if line.startswith('{"time"') and '"soak-' in line:
            entry = json.loads(line)
            logged[entry["call_id"]] = entry
    for call_id, status in soak.failed.items():
        entry = logged.get(call_id)
        replica = entry["replica"] if entry else ""
        killed = soak.kills.get(replica)
        if entry is None or killed is None:
            soak.unexplained.append(f"{call_id}: {status}, its replica was not killed: {entry}")
        elif started(entry) <= killed + _CLOCK_TOLERANCE and killed <= ended(entry) + _CLOCK_TOLERANCE:
            soak.killed_with += 1
        elif killed < started(entry) <= killed + _DETECTION_TIMEOUT:
            # The replica was dead, and the gateway had not detected it yet.
            soak.sent_to_dead_replica += 1
        else:
            soak.unexplained.append(f"{call_id}: {status}, {killed - started(entry):+.1f} s to the kill: {entry}")


def started(entry: dict[str, object]) -> float:
    """When a logged call began, in seconds since 1970."""
    return datetime.fromisoformat(str(entry["time"]).replace("Z", "+00:00")).timestamp()


def ended(entry: dict[str, object]) -> float:
    """When a logged call ended."""
    return started(entry) + float(str(entry["seconds"]))


def at_rest(gateway: Gateway, metrics_port: int) -> tuple[float, int, int]:
    """The gateway's usage once every connection to a replica has been closed."""
    time.sleep(5)
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
    memory = float(lines["process_resident_memory_bytes"]) / 1e6
    return memory, int(float(lines["process_open_fds"])), int(float(lines["faas_gateway_tasks"]))


def soak_for(seconds: float, connections: int, state: Path, workers: int = 1) -> Soak:
    """Start a gateway, put it under load, and explain every failed call."""
    build_watchdog()
    soak = Soak()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--access-log", "json", "--metrics-port", str(port), "--workers", str(workers)]
    gateway = Gateway(state, *options)
    state.mkdir(parents=True, exist_ok=True)
    environment = {"fprocess": f"{sys.executable} server.py", "mode": "http", "upstream_url": "http://127.0.0.1:8082"}
    gateway.add_image("server", {"server.py": FUNCTION}, environment, {"io.faas.upstream-port-env": "PORT"})
    gateway.start()
    try:
        gateway.deploy("server", "server", labels={"com.openfaas.scale.min": str(MIN_REPLICAS)})
        for share in (0.1, 0.9):
            asyncio.run(load(gateway, soak, seconds * share, connections))
            gateway.scale("server", MIN_REPLICAS)
            gateway.wait_available("server", MIN_REPLICAS)
            soak.usage.append(at_rest(gateway, port))
    finally:
        gateway.stop()
    explain(gateway, soak)
    return soak


def report(soak: Soak) -> None:
    """Print the results."""
    calls = sum(soak.statuses.values())
    print(f"{calls} calls, {len(soak.kills)} replicas killed, scaled {soak.scaled} times")
    print("  responses: " + ", ".join(f"{count} x {status}" for status, count in soak.statuses.most_common()))
    print(f"  {len(soak.failed)} failed: {soak.killed_with} were on a replica when it was killed,")
    print(f"  {soak.sent_to_dead_replica} began on one that had just been killed, {len(soak.unexplained)} have no kill")
    for line in soak.unexplained[:20]:
        print(f"    {line}")
    for when, (memory, descriptors, tasks) in zip(("after a tenth", "at the end"), soak.usage, strict=True):
        print(f"  at rest {when}: {memory:.0f} MB, {descriptors} descriptors, {tasks} tasks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sources", action="store_true", help="do not compile the proxy")
    options = parser.parse_args()
    if not options.sources:
        os.environ["FAAS_RUNTIME"] = str(compiled_runtime())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, options.connections + 500)), hard))
    with tempfile.TemporaryDirectory() as folder:
        soak = soak_for(options.seconds, options.connections, Path(folder) / "state", options.workers)
    report(soak)
    sys.exit(1 if soak.unexplained else 0)


if __name__ == "__main__":
    main()
