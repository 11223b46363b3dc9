"""What a call, a queued call and a change of routing cost, extrapolated to many: see docs/scale.md.

    python benchmarks/scale_model.py [SECONDS]

Needs `wrk`, `nats-server` and `nats-py`. Processor time is measured, not wall-clock time, so other load on the
machine matters little. Rates, prices and the load of a core are assumptions, stated below.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvloop

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, ProxySettings
from faas_runtime.gateway.queue.jetstream import JetStreamQueue
from faas_runtime.gateway.queue.model import CallResult, NewCall
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate
from faas_runtime.providers.swarm.engine import SwarmEngine
from faas_runtime.providers.swarm.watcher import INTERVAL

FUNCTIONS = 10_000
REPLICAS = 2
RATE = 100_000
"""Requests per second to extrapolate to."""
LOAD = 0.6
"""Average load of a core that leaves room for bursts."""
PRICE = 0.04
"""Price of one core with its memory in dollars an hour: about the on-demand price of clouds."""
CHANGES = 6
"""Average number of changes of a function's replicas in an hour."""
ROUNDS = 3
CONNECTIONS = 32
NATS = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
TICK = os.sysconf("SC_CLK_TCK")


class _Upstream(asyncio.Protocol):
    """Answers every request at once: a function without a cost."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        count = data.count(b"\r\n\r\n")
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * count)  # type: ignore[attr-defined]


async def serve(port: int, functions: int) -> None:
    """Serve a proxy with one upstream and so many functions in its routing table."""
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0)
    replica = Endpoint("upstream", "127.0.0.1", server.sockets[0].getsockname()[1])
    routes = RoutingTable()
    for number in range(functions):
        routes.apply(route(number, replica))
    proxy = Proxy(routes, replica, ProxySettings(port=port), InvocationMetrics())
    await proxy.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


async def answer_only(port: int) -> None:
    """Serve the upstream without a proxy."""
    await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", port)
    print("ready", flush=True)
    await asyncio.Event().wait()


def route(number: int, replica: Endpoint) -> RouteUpdate:
    """The route of function `fN`."""
    return RouteUpdate(FunctionKey(f"f{number}", "openfaas-fn"), (replica,) * REPLICAS, REPLICAS)


def processor_seconds(pid: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def calls_cost(mode: str, functions: int, seconds: float) -> tuple[float, float]:
    """Processor seconds of one call in such a server, and the server's memory in MB."""
    port = free_port()
    command = [sys.executable, __file__, mode, str(port), str(functions)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        before = processor_seconds(process.pid)
        url = f"http://127.0.0.1:{port}/function/f{functions - 1}"
        done = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", url], capture_output=True, text=True, check=True
        )
        assert "Non-2xx" not in done.stdout, done.stdout
        count = int(re.search(r"(\d+) requests in", done.stdout)[1])
        return (processor_seconds(process.pid) - before) / count, resident(process.pid)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def median_time(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Processor seconds of one call of the action."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        action()
        found.append(time.process_time() - start)
    return statistics.median(found)


def apply_cost() -> float:
    """Processor seconds of one change in a full routing table."""
    routes, replica = RoutingTable(), Endpoint("other", "127.0.0.1", 1)
    changes = [route(number, replica) for number in range(FUNCTIONS)]

    def change_all() -> None:
        for change in changes:
            routes.apply(change)

    change_all()
    return median_time(change_all) / FUNCTIONS


def snapshot_cost(functions: int) -> tuple[float, float]:
    """Processor seconds in which a gateway reads a Swarm's state, and its size in MB."""
    services, tasks = _swarm_state(functions)
    texts = json.dumps(services), json.dumps(tasks)
    engine = SwarmEngine("faas-functions")
    # The client library decodes the response.
    api = SimpleNamespace(
        services=lambda filters: json.loads(texts[0]), tasks=lambda: json.loads(texts[1]), nodes=lambda: []
    )
    engine._client = SimpleNamespace(api=api)
    assert len(engine.snapshot().services) == functions
    return median_time(engine.snapshot), sum(map(len, texts)) / 1e6


def _swarm_state(functions: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    network = {"Network": {"ID": "n" * 25, "Spec": {"Name": "faas-functions", "DriverConfiguration": {}}}}
    services, tasks = [], []
    for number in range(functions):
        name, identifier = f"f{number}", f"{number:025d}"
        kept = json.dumps({"service": name, "image": f"registry.example.com/team/{name}:1.2.3", "envVars": {"A": "b"}})
        labels = {"io.faas.kind": "function", "io.faas.name": name, "io.faas.namespace": "openfaas-fn"}
        container: dict[str, Any] = {
            "Image": f"registry.example.com/team/{name}:1.2.3",
            "Labels": {"io.faas.version": "1"},
        }
        container |= {"Env": [f"OPENFAAS_NAME={name}", "fprocess=./handler", "exec_timeout=60s"], "Init": False}
        template = {"ContainerSpec": container, "Resources": {}, "RestartPolicy": {"Condition": "any"}}
        spec: dict[str, Any] = {
            "Name": name,
            "Labels": {**labels, "io.faas.deployment": kept},
            "TaskTemplate": template,
        }
        spec["Mode"] = {"Replicated": {"Replicas": REPLICAS}}
        services.append({"ID": identifier, "Version": {"Index": 1}, "CreatedAt": "2026-01-01T00:00:00Z", "Spec": spec})
        for slot in range(REPLICAS):
            status = {"State": "running", "Timestamp": "2026-01-01T00:00:00Z", "ContainerStatus": {"PID": 1}}
            attached = [{**network, "Addresses": [f"10.0.{number % 250}.{slot}/16"]}]
            task = {"ID": f"t{slot}{identifier}", "ServiceID": identifier, "NodeID": "n", "DesiredState": "running"}
            tasks.append({**task, "Spec": template, "Status": status, "NetworksAttachments": attached})
    return services, tasks


async def queue_cost(count: int) -> tuple[float, float, float]:
    """Asynchronous calls: accepted per second, processor seconds of one in the gateway, and in NATS."""
    assert NATS is not None
    folder, port = tempfile.mkdtemp(prefix="faas-scale-"), free_port()
    command = [NATS, "--addr", "127.0.0.1", "--port", str(port), "--jetstream", "--store_dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    queue, key = JetStreamQueue(f"nats://127.0.0.1:{port}", 3600), FunctionKey("f", "openfaas-fn")
    try:
        await _listening(port)
        await queue.open()
        ours, theirs, began = time.process_time(), processor_seconds(server.pid), time.perf_counter()
        waiting = [NewCall(str(uuid.uuid4()), key, "/", "", (), b"x" * 256) for _ in range(count)]
        for first in range(0, count, CONNECTIONS):
            await asyncio.gather(*(queue.put(call) for call in waiting[first : first + CONNECTIONS]))
        rate = count / (time.perf_counter() - began)
        ended = 0
        while ended < count:
            claims = await queue.claim(key, CONNECTIONS, 30)
            await asyncio.gather(*(queue.complete(claim, CallResult(200)) for claim in claims))
            ended += len(claims)
        return (
            rate,
            (time.process_time() - ours) / count,
            (processor_seconds(server.pid) - theirs) / count,
        )
    finally:
        await queue.close()
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _listening(port: int) -> None:
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit("nats-server does not listen")


def processors(cost: float, rate: float) -> float:
    """Number of cores for so many actions a second."""
    return cost * rate / LOAD


def per_million(cost: float) -> float:
    """Dollars for a million actions."""
    return cost * 1e6 / LOAD / 3600 * PRICE


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    if shutil.which("wrk") is None or NATS is None:
        raise SystemExit("apt-get install wrk nats-server")
    rounds = [
        (calls_cost("answer", 1, seconds), calls_cost("proxy", 1, seconds), calls_cost("proxy", FUNCTIONS, seconds))
        for _ in range(ROUNDS)
    ]
    without, one, many = (statistics.median(each[side][0] for each in rounds) for side in range(3))
    call, growth = many - without, statistics.median(each[2][0] / each[1][0] for each in rounds)
    memory = statistics.median(each[2][1] - each[1][1] for each in rounds)
    rate, ours, theirs = uvloop.run(queue_cost(int(1000 * seconds)))
    change = apply_cost()
    print(f"proxy: {call * 1e6:.0f} us a call ({one * 1e6:.0f} with the upstream and one function)")
    print(f"  {FUNCTIONS} functions instead of 1: {growth:.2f} times the processor time, {memory:.0f} MB more")
    print(f"  one process at {LOAD:.0%}: {LOAD / call:.0f} calls/s; {RATE} calls/s take {processors(call, RATE):.1f}")
    print(f"  ${per_million(call):.4f} for a million calls at ${PRICE} a core-hour")
    print(
        f"queue: {rate:.0f} accepted/s by one gateway; a call costs it {ours * 1e6:.0f} us, NATS {theirs * 1e6:.0f} us"
    )
    print(f"  ${per_million(call + ours + theirs):.4f} for a million asynchronous calls")
    print(f"routing: {change * 1e6:.1f} us a change; {FUNCTIONS} functions, {CHANGES} changes an hour each:")
    print(f"  {change * FUNCTIONS * CHANGES / 3600:.2e} of a core in every gateway")
    for functions in (100, 1_000, FUNCTIONS):
        cost, size = snapshot_cost(functions)
        share = cost / (cost + INTERVAL)
        print(f"  a Swarm's state, {functions} functions: {size:.1f} MB, {cost * 1e3:.0f} ms, {share:.0%} of a core")


if __name__ == "__main__":
    if sys.argv[1:2] == ["proxy"]:
        uvloop.run(serve(int(sys.argv[2]), int(sys.argv[3])))
    elif sys.argv[1:2] == ["answer"]:
        uvloop.run(answer_only(int(sys.argv[2])))
    else:
        main()
