"""A gateway process with the process engine, and a client of it: what tests of several kinds share."""

import base64
import contextlib
import http.client
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from faas_runtime import __version__
from faas_runtime.core import paths
from faas_runtime.images.store import LAYER_TYPE, ImageStore

ROOT = Path(__file__).resolve().parents[1]

ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"

# A function that stays alive and serves HTTP on the port it is told.
SERVER = """
import http.server, os, time

# Names this process: its number says nothing where it has a process namespace of its own.
NAME = int.from_bytes(os.urandom(4), "big")

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one piece: apart, the second waits for the first to be acknowledged.
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(float(self.headers.get("X-Sleep") or 0))
        answer = os.environ.get("GREETING", "hello").encode() + b" " + body + b" from %d" % NAME
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *args):
        print("served", self.path, flush=True)

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8082"))), Handler).serve_forever()
"""


def wait_for(condition, limit=30.0):
    """Return the condition's first true value; fail when there is none in time."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


def runtime():
    """Where gateways are run from: what scripts/compile_proxy.py has compiled is named by FAAS_RUNTIME."""
    return os.environ.get("FAAS_RUNTIME", ROOT / "runtime")


class Gateway:
    """A gateway process and a client of it."""

    command = "run"

    def __init__(self, state, *options):
        self.state = state
        self.options = ["--state-dir", str(state), "--port", "0", "--metrics-port", "0", *options]
        self.store = ImageStore(state / "images")
        self.process = None
        self.url = ""

    def start(self):
        with (self.state / "test.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "faas_runtime.gateway", self.command, *self.options],
                # Tests ask nobody on the internet.
                env={"OPENFAAS_STORE": "", **os.environ, "PYTHONPATH": f"{runtime()}:{ROOT}"},
                stdout=log,
                stderr=log,
            )
        try:
            told = wait_for(self._told, 60)
        except BaseException:
            # Who asked for it gets nothing that could be stopped.
            self.kill()
            raise
        self.url = told["url"]
        return self

    def _told(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError, ValueError):
            told = json.loads((self.state / "gateway.json").read_text())
            return told if told["pid"] == self.process.pid else None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(30) == 0, self.log()

    def log(self):
        return (self.state / "test.log").read_text()

    def processes(self, word):
        """Numbers of the functions' processes with this word in their command lines."""
        return [
            pid
            for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
            if word.encode() in _read(f"/proc/{pid}/cmdline") and self.process.pid in _ancestors(pid)
        ]

    def connection(self, timeout=30):
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, auth=True):
        headers = dict(headers or {})
        if auth and path.startswith("/system"):
            headers["Authorization"] = self.authorization()
        if isinstance(body, dict):
            body = json.dumps(body)
        with contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def password(self):
        return (self.state / "basic-auth-password").read_text().strip()

    def authorization(self):
        return "Basic " + base64.b64encode(f"admin:{self.password()}".encode()).decode()

    def deploy(self, name, image="echo", method="POST", **more):
        return self.ask(method, "/system/functions", {"service": name, "image": image, **more})

    def update(self, name, image="echo", **more):
        return self.deploy(name, image, "PUT", **more)

    def delete(self, name, **more):
        return self.ask("DELETE", "/system/functions", {"functionName": name, **more})

    def scale(self, name, replicas):
        return self.ask("POST", f"/system/scale-function/{name}", {"replicas": replicas})

    def status(self, name):
        return self.ask("GET", f"/system/function/{name}").json()

    def wait_available(self, name, count):
        wait_for(lambda: self.status(name).get("availableReplicas", 0) == count)

    def call(self, name, body=b"", **headers):
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask("POST", f"/function/{name}", body, names)

    def add_image(self, ref, files, env, labels=None, mode=0o755):
        """Put an image into the store: files of /home/app, with the environment that starts them."""
        with self.store.new_blob(LAYER_TYPE) as blob:
            with tarfile.open(fileobj=blob, mode="w|") as archive:
                for name, content in files.items():
                    member = tarfile.TarInfo(f"home/app/{name}")
                    member.size, member.mode = len(content), mode
                    archive.addfile(member, io.BytesIO(content.encode()))
        config = {
            "architecture": paths.host_architecture(),
            "os": "linux",
            "config": {
                "Env": [f"{key}={value}" for key, value in env.items()],
                "WorkingDir": "/home/app",
                "Labels": labels or {},
            },
        }
        return self.store.put_image(ref, config, [blob.descriptor])


def _read(path):
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _ancestors(pid):
    found = []
    while pid > 1:
        stat = _read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()
        pid = int(stat[1]) if stat else 0
        found.append(pid)
    return found


def free_port():
    """A port of 127.0.0.1 that the kernel gives to nobody else meanwhile, as it may with those of its own range."""
    for port in random.sample(range(61001, 65000), 100):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def update_under_load(gateway, name, image, wrk, *, updates, calls, **deployment):
    """Update a function while wrk calls it for 10 s: at least so many updates and calls, and no call fails."""
    command = [wrk, "-t1", "-c4", "-d10s", "--timeout", "30s", f"{gateway.url}/function/{name}"]
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    made = 0
    while load.poll() is None:
        variables = {**deployment.get("envVars", {}), "VERSION": str(made)}
        answer = gateway.update(name, image, **{**deployment, "envVars": variables})
        assert answer.status in (200, 202), answer
        made += 1
    said = load.stdout.read()
    assert made >= updates, said
    assert int(re.search(r"(\d+) requests in", said)[1]) > calls, said
    assert "Socket errors" not in said, said
    assert "Non-2xx" not in said, said


def build_watchdog():
    """The watchdog of this tree, compiled when Go is there."""
    target = paths.BIN_DIR / f"fwatchdog-linux-{paths.host_architecture()}"
    if shutil.which("go"):
        fresh = target.with_name(f".{target.name}-{os.getpid()}")
        built = subprocess.run(
            # Byte for byte as the package has it.
            [
                *("go", "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2"),
                *("-ldflags", f"-s -w -X main.version={__version__}", "-o", str(fresh), "."),
            ],
            cwd=ROOT / "runtime/watchdog",
            env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
            capture_output=True,
        )
        if built.returncode == 0 and target.exists() and fresh.read_bytes() == target.read_bytes():
            fresh.unlink()  # its time is part of what makes a build the same as the last one
        elif built.returncode == 0:
            fresh.replace(target)
        elif os.environ.get("CI"):
            pytest.fail(built.stderr.decode())
    if not target.exists():
        reason = "no watchdog: `FAAS_WATCHDOG_PLATFORMS=host python hatch_build.py` compiles it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return target
