"""Compares the proxy with other reverse proxies, each on one core, alternating, with the same upstream.

    python benchmarks/gateway.py [--rounds N] [--seconds S] [--only go] [--sources]

The proxy is compiled as in a wheel; `--sources` measures it as an editable install runs it. The proxy, with
its default settings, and Go's reverse proxy are always measured, nginx and Caddy where they are installed.
Proxies have one core, the load and the upstream the other. Compare the ratios, best those of processor
time for a call, which hold on a machine that does other things as well.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from proxies import HERE, LOAD_CORE, ROOT, choose, commands, compiled_runtime, free_port, pinned, running

REPORT = 'done = function(s, l, r) print("p99", l:percentile(99) / 1000) end\n'


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of call: its path, the size of its body, the number of connections."""

    title: str
    path: str
    body: int
    connections: int

    def script(self) -> str:
        """The script for wrk."""
        if not self.body:
            return REPORT
        return f'wrk.method = "POST"\nwrk.body = string.rep("x", {self.body})\n' + REPORT


LOADS = (
    Load("1 KB POST, 32 connections", "/function/echo", 1024, 32),
    Load("1 KB POST, 256 connections", "/function/echo", 1024, 256),
    Load("1 MB response, 16 connections", "/function/echo/large", 0, 16),
    Load("1 MB upload, 16 connections", "/function/echo", 1024 * 1024, 16),
)


@dataclass(slots=True)
class Result:
    """Results of one proxy under one load, round by round."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    errors: int = 0


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process and its children have used."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid or int(fields[1]) == pid:
            used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def measure(load: Load, pid: int, port: int, seconds: float, script: Path, result: Result) -> None:
    """Put a proxy under a load for some seconds."""
    before = processor_time(pid)
    script.write_text(load.script())
    command = pinned(LOAD_CORE, "wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s", "-s", str(script))
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{load.path}"], capture_output=True, text=True, check=True, timeout=60
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    tail = re.search(r"p99\s+([\d.]+)", done.stdout)
    assert rate is not None
    assert tail is not None
    calls = re.search(r"(\d+) requests in", done.stdout)
    assert calls is not None
    result.costs.append((processor_time(pid) - before) / int(calls[1]) * 1e6)
    result.rates.append(float(rate[1]))
    result.tails.append(float(tail[1]))
    result.errors += sum(map(int, re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", done.stdout)))


def paced(options: argparse.Namespace, port: int, upstream: int) -> tuple[float, ...]:
    """Median, p99 and p99.9 of calls at a fixed rate to a port; the upstream listens on the other one."""
    numbers = (port, upstream, options.rate, options.paced_connections, max(options.seconds, 2))
    command = pinned(LOAD_CORE, sys.executable, str(HERE / "paced.py"), *map(str, numbers))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"port {port}: {done.stderr.strip()}")
    return tuple(map(float, done.stdout.split()))


def waited(pid: int) -> float:
    """Milliseconds that a server's threads were runnable and waited for their core.

    They come from other load on the machine: rounds with many of them do not measure the proxy.
    """
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[1]) / 1e6
        total += sum(waited(int(child)) for child in (task / "children").read_text().split())
    return total


def compare_tails(options: argparse.Namespace, helper: Path, chosen: list[str], work: Path, runtime: Path) -> None:
    """The slowest calls of each proxy at the same rate, well below what each can handle.

    `none` is the load calling its own upstream: the lower bound of what can be measured.
    """
    upstream = free_port()
    proxies = choose(commands(helper, upstream, work, runtime), chosen)
    tails: dict[str, list[tuple[float, ...]]] = {name: [] for name in (*proxies, "none")}
    for _ in range(options.rounds):
        for name, (command, port) in proxies.items():
            with running(command, port, {"GOMAXPROCS": "1"}) as server:
                before = waited(server.pid)
                found = paced(options, port, upstream)
                tails[name].append((*found, waited(server.pid) - before))
        tails["none"].append((*paced(options, upstream, upstream), 0.0))
    print(f"1 KB POST, {options.rate} calls/s offered over {options.paced_connections} connections:")
    ours = [each[1] for each in tails["faas"]]
    for name, rounds in tails.items():
        half, tail, far, wait = (statistics.median(column) for column in zip(*rounds, strict=True))
        line = f"  {name:6}p50{half:7.2f} ms   p99{tail:7.2f} ms   p99.9{far:7.2f} ms   without its core{wait:6.1f} ms"
        if name not in ("faas", "none"):
            beside = [mine / each[1] for mine, each in zip(ours, rounds, strict=True)]
            line += f"   faas/{name} p99 {statistics.median(beside):.2f} ({min(beside):.2f} to {max(beside):.2f})"
        print(line, flush=True)


def report(load: Load, results: dict[str, Result]) -> None:
    """Print one line for each proxy: its rate, its tail, and the ratio of ours to it."""
    print(f"{load.title}:")
    for name, result in results.items():
        rate, tail = statistics.median(result.rates), statistics.median(result.tails)
        cost = statistics.median(result.costs)
        beside = (
            "" if name == "faas" else f"   faas/{name} {ratio(results['faas'].rates, result.rates):.2f} by wall clock"
        )
        if beside:
            beside += f", {ratio(result.costs, results['faas'].costs):.2f} by processor time"
        errors = f"   {result.errors} ERRORS" if result.errors else ""
        print(f"  {name:6}{rate:8.0f} calls/s{cost:8.1f} us/call   p99{tail:7.1f} ms{beside}{errors}", flush=True)


def ratio(of: list[float], to: list[float]) -> float:
    """The median of ratios, round by round."""
    return statistics.median(x / y for x, y in zip(of, to, strict=True))


def idle_memory(command: list[str], port: int, count: int) -> None:
    """Print the memory that a proxy needs for idle connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(count, hard - 200)
    with running(command, port) as server:
        before = resident(server.pid)
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for sock in held[:1] + held[-1:]:
            sock.sendall(b"GET /function/echo HTTP/1.1\r\nHost: h\r\n\r\n")
            assert sock.recv(64)
        print(f"{count} idle connections: {resident(server.pid):.0f} MB (of which {before:.0f} MB without any)")
        for sock in held:
            sock.close()


def resident(pid: int) -> float:
    """Resident memory of a process, in MB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=1, help="of each load, on each proxy, in each round")
    parser.add_argument("--only", default="", help="names of proxies, separated by commas")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections whose memory is measured")
    parser.add_argument("--rate", type=int, default=2000, help="calls a second at which tails are compared; 0 for none")
    parser.add_argument("--paced-connections", type=int, default=64)
    parser.add_argument("--tails-only", action="store_true")
    parser.add_argument("--sources", action="store_true", help="measure the proxy without compiling it")
    options = parser.parse_args()
    for tool in ("wrk", "taskset", "go"):
        if shutil.which(tool) is None:
            sys.exit(f"`{tool}` is missing")
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


def compare(options: argparse.Namespace, work: Path) -> None:
    helper = work / "reverseproxy"
    subprocess.run(["go", "build", "-o", helper, "."], cwd=HERE / "reverse_proxy", check=True)
    runtime = ROOT / "runtime" if options.sources else compiled_runtime()
    chosen = [name for name in options.only.split(",") if name]
    if options.rate:
        compare_tails(options, helper, chosen, work, runtime)
    if options.tails_only:
        return
    upstream = free_port()
    with running(pinned(LOAD_CORE, str(helper), "upstream", f"127.0.0.1:{upstream}"), upstream, {"GOMAXPROCS": "1"}):
        proxies = choose(commands(helper, upstream, work, runtime), chosen)
        results = {load: {name: Result() for name in proxies} for load in LOADS}
        for _ in range(options.rounds):
            for name, (command, port) in proxies.items():
                with running(command, port, {"GOMAXPROCS": "1"}) as server:
                    for load in LOADS:
                        measure(load, server.pid, port, options.seconds, work / "load.lua", results[load][name])
        for load in LOADS:
            report(load, results[load])
        idle_memory(*proxies["faas"], options.idle)


if __name__ == "__main__":
    main()
