"""Speed and size of the watchdog, compared with other programs and with lower bounds.

    python benchmarks/watchdog.py [--seconds N] [--rounds N] [a b c d]
    python benchmarks/watchdog.py --against OLD_BINARY

a  a process per request, compared with a loop that only spawns the same process
b  a long-lived process behind the watchdog, compared with Caddy and nginx in front of the same upstream
c  a Python function with and without processes started in advance
d  size of the binary, memory when idle, time from exec to the first answer

What is measured runs on one pinned core, the load on another; rounds alternate, so that other load on the
machine affects all. Throughput is responses per second of processor time: that of a dedicated
core. Needs go, wrk, nginx and caddy (Debian packages) on PATH.
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))
SUBJECT, LOAD = str(CORES[0]), str(CORES[-1])
ANSWER = "sys.stdout.write(sys.stdin.read().upper())\n"
HANDLER = "import json, re\n\n\ndef handle(req):\n    return req.upper()\n"
# Most of a small program's time is the start of its interpreter, and then the interpreter's end, which the
# template avoids.
PYTHON_FUNCTIONS = {
    "of the template": (ROOT / "templates" / "python" / "index.py").read_text(),
    "a plain script": "import json, re, sys\n" + ANSWER,
    "a script with an HTTP client": "import json, re, sys, urllib.request\n" + ANSWER,
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def go_build(source: Path, target: Path) -> Path:
    command = ["go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", str(target), "."]
    subprocess.run(command, cwd=source, env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "auto"}, check=True)
    return target


@contextmanager
def running(command: list[str], at: int, core: str = SUBJECT, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server on one core, from the moment it listens."""
    pinned = ["taskset", "-c", core, *command]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(pinned, env=os.environ | env, stdout=quiet, stderr=quiet)
    try:
        deadline = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", at)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command[0]} does not listen on port {at}")
            time.sleep(0.01)
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def watchdog(binary: Path, folder: Path, fprocess: str, **env: str) -> Iterator[tuple[int, int]]:
    """A watchdog; yields its port and process number."""
    port = free_port()
    settings = {"port": str(port), "metrics_port": "off", "TMPDIR": str(folder), "healthcheck_interval": "0"}
    with running([str(binary)], port, fprocess=fprocess, **settings | env) as process:
        yield port, process.pid


def processor_seconds(pid: int) -> float:
    """Processor time of a server, its worker processes, and those of their children that have ended."""
    total = 0.0
    for member in [pid, *children(pid)]:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since, and counts with its parent
            continue
        total += sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total


def children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(child) for child in listed.split()]


def answers_per_second(port: int, pid: int, seconds: int, clients: int, body: str = "") -> float:
    """Answers of status 2xx per second of processor time, under wrk."""
    command = ["taskset", "-c", LOAD, "wrk", "-t1", f"-c{clients}", f"-d{seconds}"]
    if body:
        script = Path(tempfile.gettempdir()) / f"wrk-{os.getpid()}.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = "{body}"\n')
        command += ["-s", str(script)]
    before = processor_seconds(pid)
    out = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    used = processor_seconds(pid) - before
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"failing answers:\n{out}")
    found = re.search(r"(\d+) requests in", out)
    assert found is not None, out
    return int(found[1]) / used


def compare(title: str, actions: Mapping[str, Callable[[], float]], rounds: int, unit: str) -> dict[str, float]:
    """Run the actions in turn; print and return the medians."""
    values: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            values[name].append(action())
    medians = {name: statistics.median(measured) for name, measured in values.items()}
    print(title)
    for name, measured in values.items():
        print(f"  {name:24} {medians[name]:10.1f} {unit}  ({min(measured):.1f} to {max(measured):.1f}, n={rounds})")
    return medians


def verdict(what: str, value: float, target: float, at_most: bool = False) -> None:
    met = value <= target if at_most else value >= target
    print(
        f"  {what}: {value:.2f}, target {'at most' if at_most else 'at least'} {target:g}: {'met' if met else 'MISSED'}"
    )


def fork_mode(binary: Path, folder: Path, seconds: int, rounds: int) -> None:
    limit = go_build(ROOT / "benchmarks" / "spawn_limit", folder / "spawn_limit")

    def bare() -> float:
        count = seconds * 500
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["taskset", "-c", SUBJECT, str(limit), str(count), "/bin/cat"], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return count / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    with watchdog(binary, folder, "/bin/cat") as (port, pid):
        actions = {"only spawning": bare, "watchdog": lambda: answers_per_second(port, pid, seconds, 8, "hello")}
        found = compare("a process per request (/bin/cat)", actions, rounds, "per s")
    verdict("watchdog / only spawning", found["watchdog"] / found["only spawning"], 0.85)


NGINX_HEAD = (
    "daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log /dev/null;\n"
    "events {{ worker_connections 4096; }}\n"
    "http {{ access_log off; keepalive_requests 1000000000; {inner} }}\n"
)


def nginx(folder: Path, name: str, inner: str) -> list[str]:
    path = folder / f"{name}.conf"
    path.write_text(NGINX_HEAD.format(folder=folder, name=name, inner=inner))
    return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(path)]


def hello_server(folder: Path, port: int) -> list[str]:
    return nginx(folder, "up", f'server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello world\\n"; }} }}')


def http_mode(binary: Path, folder: Path, seconds: int, rounds: int) -> None:
    up, nginx_port, caddy_port = free_port(), free_port(), free_port()
    upstream = hello_server(folder, up)
    proxy = nginx(
        folder,
        "proxy",
        f"upstream u {{ server 127.0.0.1:{up}; keepalive 256; keepalive_requests 1000000000; }}\n"
        f"server {{ listen 127.0.0.1:{nginx_port}; location / {{ proxy_pass http://u; proxy_http_version 1.1;\n"
        'proxy_set_header Connection ""; } }',
    )
    caddyfile = folder / "Caddyfile"
    caddyfile.write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n\n"
        f"http://127.0.0.1:{caddy_port} {{\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:{up}\n}}\n"
    )
    caddy = ["caddy", "run", "--config", str(caddyfile), "--adapter", "caddyfile"]
    with ExitStack() as stack:
        servers = {
            "upstream only": (up, stack.enter_context(running(upstream, up, LOAD)).pid),
            "nginx": (nginx_port, stack.enter_context(running(proxy, nginx_port)).pid),
            "Caddy": (caddy_port, stack.enter_context(running(caddy, caddy_port, HOME=str(folder))).pid),
        }
        url = f"http://127.0.0.1:{up}"
        settings = {"mode": "http", "upstream_url": url}
        servers["watchdog"] = stack.enter_context(watchdog(binary, folder, "sleep 1000000", **settings))
        actions = {name: partial(answers_per_second, *each, seconds, 32) for name, each in servers.items()}
        found = compare("a long-lived process behind the proxy", actions, rounds, "per s")
    verdict("watchdog / Caddy", found["watchdog"] / found["Caddy"], 2)
    verdict("watchdog / nginx", found["watchdog"] / found["nginx"], 0.6)


def latency(port: int, calls: int = 30) -> float:
    """Median milliseconds of calls one after the other, with a pause in which a pool can be filled again."""
    taken = []
    for _ in range(calls):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        begun = time.perf_counter()
        connection.request("POST", "/", b"hello")
        assert connection.getresponse().read() == b"HELLO"
        taken.append((time.perf_counter() - begun) * 1000)
        connection.close()
        time.sleep(0.1)
    return statistics.median(taken)


def bare_finish(function: Path, calls: int = 15) -> float:
    """Median milliseconds that a waiting process needs for its work and its end: what no pool can go below."""
    taken = []
    for _ in range(calls):
        command = ["taskset", "-c", SUBJECT, sys.executable, str(function)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            time.sleep(0.15)
            begun = time.perf_counter()
            process.stdin.write(b"hello")
            process.stdin.close()
            process.stdout.read()
            process.wait()
            taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def warm_pool(binary: Path, folder: Path, seconds: int, rounds: int) -> None:
    del seconds
    (folder / "function").mkdir()
    (folder / "function" / "handler.py").write_text(HANDLER)
    for number, (kind, source) in enumerate(PYTHON_FUNCTIONS.items()):
        function = folder / f"function{number}.py"
        function.write_text(source)
        places = [folder / f"{name}{number}" for name in ("cold", "warm")]
        for place in places:
            place.mkdir()
        command = f"{sys.executable} {function}"
        with (
            watchdog(binary, places[0], command, cgi_headers="false") as (cold, _),
            watchdog(binary, places[1], command, cgi_headers="false", warm="4") as (warm, _),
        ):
            actions = {
                "without": partial(latency, cold),
                "warm=4": partial(latency, warm),
                "waiting process only": partial(bare_finish, function),
            }
            found = compare(f"a Python function ({kind}), median latency", actions, rounds, "ms")
        if kind == "of the template":
            verdict("without / warm=4", found["without"] / found["warm=4"], 8)
        else:
            print(f"  without / warm=4: {found['without'] / found['warm=4']:.2f}")


def first_answer(binary: Path, folder: Path) -> float:
    """Milliseconds from exec to the first answer of /_/health."""
    port = free_port()
    env = {
        "PATH": os.environ["PATH"],
        "fprocess": "cat",
        "port": str(port),
        "metrics_port": "off",
        "TMPDIR": str(folder),
    }
    begun = time.perf_counter()
    process = subprocess.Popen([binary], env=env, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    probe.sendall(b"GET /_/health HTTP/1.0\r\n\r\n")
                    assert probe.recv(100).startswith(b"HTTP/1.0 200")
                    return (time.perf_counter() - begun) * 1000
            time.sleep(0.0002)
    finally:
        process.kill()
        process.wait()


def size(binary: Path, folder: Path, seconds: int, rounds: int) -> None:
    del seconds
    port = free_port()
    settings = {"fprocess": "cat", "port": str(port), "metrics_port": "off", "TMPDIR": str(folder)}
    with running([str(binary)], port, **settings) as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        resident = int(found[1]) / 1024
    started = statistics.median(first_answer(binary, folder) for _ in range(rounds * 5))
    print("size and start")
    verdict("binary, MB", binary.stat().st_size / 1e6, 6.5, at_most=True)
    verdict("resident when idle, MB", resident * 1.048576, 8, at_most=True)
    verdict("exec to first answer, ms", started, 10, at_most=True)


def against(baseline: Path, binary: Path, folder: Path, seconds: int, rounds: int) -> None:
    """Throughput of a binary divided by that of an older one, measured in pairs."""
    up = free_port()
    upstream = hello_server(folder, up)
    proxied = {"mode": "http", "fprocess": "sleep 1000000", "upstream_url": f"http://127.0.0.1:{up}"}
    cases: dict[str, tuple[dict[str, str], int, str]] = {
        "plain calls of mode http": (proxied, 32, ""),
        "bodies of 20 kB in mode http": (proxied, 32, "x" * 20_000),
        "a process per request": ({"fprocess": "/bin/cat"}, 8, "hello"),
    }
    with running(upstream, up, LOAD):
        for number, (title, (settings, clients, body)) in enumerate(cases.items()):
            ratios = []
            places = [folder / f"{name}{number}" for name in ("old", "new")]
            for place in places:
                place.mkdir()
            with watchdog(baseline, places[0], **settings) as old, watchdog(binary, places[1], **settings) as new:
                for turn in range(rounds):
                    order = [old, new] if turn % 2 == 0 else [new, old]
                    values = {each: answers_per_second(*each, seconds, clients, body) for each in order}
                    ratios.append(values[new] / values[old])
            print(f"{title}: {', '.join(f'{ratio:.3f}' for ratio in ratios)}")
            verdict("new / old, median", statistics.median(ratios), 0.97)


PARTS = {"a": fork_mode, "b": http_mode, "c": warm_pool, "d": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], help="which to run (all)")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each")
    parser.add_argument("--watchdog", type=Path, help="binary to measure instead of a fresh build")
    parser.add_argument("--against", type=Path, help="compare with this older binary, and run no other part")
    options = parser.parse_args()
    os.nice(5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        binary = options.watchdog or go_build(ROOT / "runtime" / "watchdog", folder / "fwatchdog")
        if options.against:
            against(options.against.resolve(), binary.resolve(), folder, options.seconds, options.rounds)
            return
        for part in options.parts or PARTS:
            (folder / part).mkdir()
            PARTS[part](binary.resolve(), folder / part, options.seconds, options.rounds)


if __name__ == "__main__":
    main()
