"""How fast asynchronous calls are accepted, compared with a bare loop that writes the same to SQLite or NATS.

    python benchmarks/async_calls.py [SECONDS]

Needs `wrk`; the second half `nats-server` and `nats-py`. Both sides write to the same disk, alternating, and
both wait for durability: each response, and each iteration of the loop, for the sync of SQLite's log or the
acknowledgement of the server. The gateway commits concurrent calls together.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from faas_runtime.core.paths import host_architecture, images_dir
from faas_runtime.images.store import ImageStore

TARGET = 0.5
NATS = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
ROUNDS = 3
BODY = b"x" * 256


@contextlib.contextmanager
def gateway(state: Path, *options: str) -> Iterator[str]:
    """A gateway with one function; yields its URL."""
    config = {"architecture": host_architecture(), "os": "linux", "config": {"Env": ["fprocess=cat"]}}
    ImageStore(images_dir(state)).put_image("cat", config, [])
    command = [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(state), "--port", "0"]
    with (state / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--metrics-port", "0", *options], stdout=log, stderr=log)
    try:
        while not (state / "gateway.json").exists():
            assert process.poll() is None, (state / "log").read_text()
            time.sleep(0.05)
        url = json.loads((state / "gateway.json").read_text())["url"]
        password = (state / "basic-auth-password").read_text().strip()
        token = base64.b64encode(f"admin:{password}".encode()).decode()
        body = json.dumps({"service": "cat", "image": "cat"}).encode()
        request = urllib.request.Request(f"{url}/system/functions", body, {"Authorization": f"Basic {token}"})
        urllib.request.urlopen(request, timeout=30).close()
        yield url
    finally:
        process.terminate()
        process.wait(30)


def accepted_rate(url: str, seconds: int, connections: int) -> float:
    """Calls accepted a second; they are delayed, so that they do not run during the measurement."""
    script = f'wrk.method="POST"; wrk.body="{BODY.decode()}"; wrk.headers["X-Faas-Delay"]="1h"'
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", lua.name, f"{url}/async-function/cat"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def insert_rate(folder: Path, seconds: float) -> float:
    """Durable inserts a second on one connection, one transaction each."""
    path = folder / "bare.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS calls (seq INTEGER PRIMARY KEY, id TEXT, name TEXT, body BLOB)")
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        connection.execute("INSERT INTO calls (id, name, body) VALUES (?, ?, ?)", (os.urandom(16).hex(), "cat", BODY))
        count += 1
    connection.close()
    return count / seconds


@contextlib.contextmanager
def nats_server(folder: Path) -> Iterator[str]:
    """A NATS server with JetStream; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with (folder / "nats.log").open("wb") as log:
        command = [NATS or "", "-js", "-sd", str(folder), "-a", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def publish_rate(url: str, seconds: float) -> float:
    """Acknowledged messages a second of a loop that publishes them one after the other."""
    import nats

    async def loop() -> float:
        connection = await nats.connect(url)
        stream = connection.jetstream()
        await stream.add_stream(name="BARE", subjects=["bare"])
        count, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            await stream.publish("bare", BODY)
            count += 1
        await connection.close()
        return count / seconds

    return asyncio.run(loop())


def compare(url: str, seconds: int, bare: Callable[[float], float], what: str) -> None:
    """Measure the gateway and the bare loop, alternating, and print."""
    for connections in (1, 32):
        accepted_rate(url, 1, connections)
        pairs = [(accepted_rate(url, seconds, connections), bare(seconds)) for _ in range(ROUNDS)]
        report(connections, pairs, what)


def main() -> None:
    """Measure and print."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if shutil.which("wrk") is None:
        raise SystemExit("this benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="faas-bench-") as name:
        state = Path(name)
        with gateway(state) as url:
            compare(url, seconds, lambda limit: insert_rate(state, limit), "bare SQLite inserts")
    if NATS is None:
        print("JetStream is not measured: `nats-server` is missing (apt-get install nats-server)")
        return
    with tempfile.TemporaryDirectory(prefix="faas-bench-") as name:
        state = Path(name)
        with nats_server(state) as server, gateway(state, "--nats", server) as url:
            compare(url, seconds, lambda limit: publish_rate(server, limit), "bare nats-py publishes")


def report(connections: int, pairs: list[tuple[float, float]], what: str) -> None:
    """Print one line for a number of connections."""
    ratios = [accepted / bare for accepted, bare in pairs]
    ratio = statistics.median(ratios)
    accepted, bare = (statistics.median(values) for values in zip(*pairs, strict=True))
    goal = "" if connections == 1 else f"  target >= {TARGET}: {'met' if ratio >= TARGET else 'MISSED'}"
    print(
        f"asynchronous calls, {connections} connections: {accepted:.0f} accepted/s, {what} {bare:.0f}/s, "
        f"ratio {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}, n={len(pairs)}){goal}"
    )


if __name__ == "__main__":
    main()
