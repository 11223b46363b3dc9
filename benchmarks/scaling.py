"""Runs a function under load, scaled by the built-in scaler: 1, more, 1, 0 and back. Writes a picture of the run.

python benchmarks/scaling.py docs/images/scaling.svg
"""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from faas_runtime.core.paths import host_architecture, images_dir
from faas_runtime.images.store import ImageStore

LABELS = {"type": "rps", "target": "20", "max": "4", "down.window": "4s", "zero": "true", "zero-duration": "6s"}
# Seconds since the start, and calls a second from then on.
PLAN = [(0, 10.0), (6, 45.0), (14, 75.0), (24, 5.0), (36, 0.0), (48, 10.0), (54, 0.0)]


class Gateway:
    """A gateway with its own state directory, and calls to it."""

    def __init__(self, state: Path) -> None:
        config = {"architecture": host_architecture(), "os": "linux", "config": {"Env": ["fprocess=cat"]}}
        ImageStore(images_dir(state)).put_image("cat", config, [])
        command = [sys.executable, "-m", "faas_runtime.gateway", "run", "--state-dir", str(state), "--port", "0"]
        with (state / "log").open("wb") as log:
            self.process = subprocess.Popen([*command, "--metrics-port", "0"], stdout=log, stderr=log)
        while not (state / "gateway.json").exists():
            assert self.process.poll() is None, (state / "log").read_text()
            time.sleep(0.05)
        self.url = json.loads((state / "gateway.json").read_text())["url"]
        password = (state / "basic-auth-password").read_text().strip()
        self.token = base64.b64encode(f"admin:{password}".encode()).decode()

    def ask(self, path: str, body: Any = None) -> bytes:
        """GET, or POST with a body."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Authorization": f"Basic {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()


def wanted_rate(at: float) -> float:
    """Calls a second that the plan has at this time."""
    return [rate for begin, rate in PLAN if begin <= at][-1]


def drive(call: Callable[[], object], seconds: float) -> None:
    """Make calls according to the plan."""
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        rate = wanted_rate(at)
        if rate:
            threading.Thread(target=call, daemon=True).start()
        time.sleep(1 / rate if rate else 0.1)


def watch(gateway: Gateway, seconds: float) -> list[tuple[float, int, int]]:
    """Time, desired replicas and ended calls, four times a second."""
    began, found = time.monotonic(), []
    while (at := time.monotonic() - began) < seconds:
        one = json.loads(gateway.ask("/system/stats"))[0]
        found.append((at, one["replicas"], sum(one["codes"].values())))
        time.sleep(0.25)
    return found


def picture(samples: list[tuple[float, int, int]]) -> str:
    """The run as an SVG: replicas as steps, calls a second as a line."""
    seconds, most = samples[-1][0], max(rate for _, rate in PLAN)
    width, height, left = 720, 240, 40

    def x(at: float) -> float:
        return left + at / seconds * (width - left - 10)

    def y(part: float) -> float:
        return height - 30 - part * (height - 60)

    steps = " ".join(f"H{x(at):.1f}V{y(count / 4):.1f}" for at, count, _ in samples)
    rates = [
        (later[0], (later[2] - earlier[2]) / (later[0] - earlier[0]))
        for earlier, later in zip(samples, samples[4:], strict=False)
    ]
    line = "L".join(f"{x(at):.1f},{y(min(1, rate / most)):.1f}" for at, rate in rates)
    marks = "".join(f'<text x="{x(at):.0f}" y="{height - 10}">{at} s</text>' for at in range(0, int(seconds), 10))
    grid = "".join(f'<text x="10" y="{y(count / 4) + 4:.0f}">{count}</text>' for count in range(5))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><g fill="#59636e">{marks}{grid}</g>'
        f'<path d="M{line}" fill="none" stroke="#e0812b" stroke-width="1.5"/>'
        f'<path d="M{left},{y(samples[0][1] / 4):.1f}{steps}" fill="none" stroke="#1f5fd0" stroke-width="2"/>'
        f'<text x="{left}" y="16" fill="#1f5fd0">replicas</text>'
        f'<text x="{left + 70}" y="16" fill="#e0812b">calls a second (top: {most:.0f})</text></svg>\n'
    )


def main() -> None:
    """Run, print the sequence of replicas, write the picture."""
    with tempfile.TemporaryDirectory(prefix="faas-scaling-") as name:
        gateway = Gateway(Path(name))
        try:
            labels = {f"com.openfaas.scale.{key}": value for key, value in LABELS.items()}
            gateway.ask("/system/functions", {"service": "cat", "image": "cat", "labels": labels})
            seconds = PLAN[-1][0]
            load = threading.Thread(target=drive, args=(lambda: gateway.ask("/function/cat", b"x"), seconds))
            load.start()
            samples = watch(gateway, seconds)
            load.join()
        finally:
            gateway.process.terminate()
            gateway.process.wait(30)
    course = [samples[0][1], *(b[1] for a, b in itertools.pairwise(samples) if a[1] != b[1])]
    print("replicas:", " -> ".join(map(str, course)))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(picture(samples), encoding="utf-8")


if __name__ == "__main__":
    main()
