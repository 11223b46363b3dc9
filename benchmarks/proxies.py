"""Configures, starts and stops the proxies that gateway.py measures."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROXY_CORE, LOAD_CORE = "0", "1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pinned(core: str, *command: str) -> list[str]:
    return ["taskset", "-c", core, *command]


def compiled_runtime() -> Path:
    """A folder with the runtime as in a wheel, the proxy compiled; made again when a source has changed."""
    folder = ROOT / "build" / "compiled"
    sources = [*(ROOT / "runtime" / "faas_runtime").rglob("*.py"), ROOT / "scripts" / "compile_proxy.py"]
    made = folder / ".made"
    if not made.exists() or max(path.stat().st_mtime for path in sources) > made.stat().st_mtime:
        print("compiling the proxy, once ...", flush=True)
        script = [sys.executable, str(ROOT / "scripts" / "compile_proxy.py"), str(folder)]
        done = subprocess.run(script, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"the proxy cannot be compiled (`--sources` measures it uncompiled):\n{done.stderr[-2000:]}")
        watchdogs = folder / "faas_runtime" / "bin"
        shutil.rmtree(watchdogs, ignore_errors=True)
        watchdogs.symlink_to(ROOT / "runtime" / "faas_runtime" / "bin")
    return folder


@contextmanager
def running(command: list[str], port: int, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from the time it accepts connections until it has ended."""
    with tempfile.TemporaryFile() as errors:
        server = subprocess.Popen(command, env={**os.environ, **(env or {})}, stderr=errors)
        try:
            _await(server, port, errors)
            yield server
        finally:
            _end(server)


def _await(server: subprocess.Popen[bytes], port: int, errors: IO[bytes]) -> None:
    """Wait until a server listens; exits with the reason if it does not."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                errors.seek(0)
                last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
                sys.exit(f"{server.args!r} does not start: {last}")
            time.sleep(0.02)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def nginx_config(port: int, upstream: int, work: Path) -> Path:
    config = work / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {work}/nginx.pid; error_log /dev/null;
        events {{ worker_connections 4096; }}
        http {{
          access_log off; client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
          fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
          client_max_body_size 0; keepalive_requests 1000000000;
          upstream functions {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
          server {{ listen 127.0.0.1:{port} backlog=1024;
            location / {{ proxy_pass http://functions; proxy_http_version 1.1; proxy_set_header Connection "";
              proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Call-Id $request_id;
              proxy_buffering off; proxy_request_buffering off; }} }}
        }}"""
    )
    return config


def caddy_config(port: int, upstream: int, work: Path) -> Path:
    config = work / "Caddyfile"
    config.write_text(
        f"{{\n admin off\n auto_https off\n log {{\n output discard\n }}\n}}\n"
        f"http://127.0.0.1:{port} {{\n reverse_proxy 127.0.0.1:{upstream} {{\n flush_interval -1\n"
        " transport http {\n keepalive_idle_conns_per_host 1024\n compression off\n }\n }\n}\n"
    )
    return config


def commands(helper: Path, upstream: int, work: Path, runtime: Path) -> dict[str, tuple[list[str], int]]:
    """The command and port of each proxy. `faas` is the proxy of this runtime."""
    ports = {name: free_port() for name in ("faas", "go", "nginx", "caddy")}
    found = {
        "faas": [
            "env",
            f"PYTHONPATH={runtime}",
            sys.executable,
            str(HERE / "proxy_standalone.py"),
            str(ports["faas"]),
            str(upstream),
        ],
        "go": [str(helper), "proxy", f"127.0.0.1:{ports['go']}", f"127.0.0.1:{upstream}"],
    }
    if nginx := shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        found["nginx"] = [nginx, "-p", str(work), "-c", str(nginx_config(ports["nginx"], upstream, work))]
    if caddy := shutil.which("caddy"):
        config = caddy_config(ports["caddy"], upstream, work)
        found["caddy"] = [caddy, "run", "--adapter", "caddyfile", "--config", str(config)]
    return {name: (pinned(PROXY_CORE, *command), ports[name]) for name, command in found.items()}


def choose(proxies: dict[str, tuple[list[str], int]], chosen: list[str]) -> dict[str, tuple[list[str], int]]:
    """This project's proxy and the others requested, or all."""
    return {name: proxies[name] for name in proxies if not chosen or name in ("faas", *chosen)}
