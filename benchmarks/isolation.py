"""What isolation costs a start, level by level: from the start of a replica's process until its watchdog is ready.

python benchmarks/isolation.py [RUNS]
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.isolation import LANDLOCK, NAMESPACES, NONE, SECCOMP, probe_machine
from faas_runtime.core.paths import search_path, watchdog_binary
from faas_runtime.providers.process.isolation import Isolation, MachineOffer, choose, policy
from faas_runtime.providers.process.places import Places, listening_socket
from faas_runtime.providers.process.toolpaths import folders_to_show

LEVELS = (NONE, SECCOMP, LANDLOCK, NAMESPACES)


def start(places: Places, name: str, rootfs: Path, isolation: Isolation, show: list[str]) -> float:
    """Seconds until a replica is ready; it is stopped again."""
    place = places.replica(name)
    place.make()
    inside = isolation.inside
    document = policy(
        isolation, place, rootfs=rootfs, working_dir="/" if inside else str(rootfs), hostname="benchmark",
        show=show, secrets=False, user=61184 if isolation.own_user else 0, group=None,
    )  # fmt: skip
    environment = {
        "PATH": search_path(), "fprocess": "cat", "LISTEN_FDS": "1", "metrics_port": "off",
        "healthcheck_interval": "1ms", "TMPDIR": "/tmp" if inside else str(place.tmp),
        "FAAS_ROOTFS": "/" if inside else str(rootfs),
    }  # fmt: skip
    with listening_socket(place.socket) as listener, os.fdopen(os.memfd_create("policy"), "w+b") as file:
        file.write(document)
        file.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(
            [watchdog_binary(), "-isolate", str(file.fileno())],
            stdin=listener.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=[file.fileno()], env=environment,
        )  # fmt: skip
        passed = _until_ready(place.socket) - began
    process.send_signal(signal.SIGTERM)
    process.wait()
    place.remove()
    return passed


def _until_ready(path: Path) -> float:
    connection = http.client.HTTPConnection("watchdog", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(os.fspath(path))
    connection.request("GET", "/_/ready")
    assert connection.getresponse().status == 200
    connection.close()
    return time.perf_counter()


def main() -> None:
    """Print a row for each level that this machine offers."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    offer = probe_machine()
    found = choose(FunctionDeployment(service="a", image="a"), MachineOffer(offer, "standard"))
    rows = {"none": replace(found, level=NONE, guard=False, own_user=False)}
    for level in LEVELS[1 : LEVELS.index(offer.level) + 1]:
        own_user = found.own_user and level == NAMESPACES
        rows[level] = replace(found, level=level, guard=False, own_user=own_user)
        if found.guard:
            rows[f"{level} + network guard"] = replace(rows[level], guard=True)
    times: dict[str, list[float]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder:
        places, rootfs = Places(Path(folder)), Path(folder) / "rootfs"
        rootfs.mkdir()
        show = folders_to_show("cat", [])
        for run in range(runs + 1):
            for number, (name, isolation) in enumerate(rows.items()):
                passed = start(places, f"benchmark-{run}x{number}", rootfs, isolation, show)
                if run:  # the first one fills caches
                    times[name].append(passed)
    user = "root" if os.geteuid() == 0 else "an ordinary user"
    print(f"start until ready as {user}, {runs} runs: median, and the tenth slowest of a hundred, in ms")
    for name, values in times.items():
        slow = sorted(values)[int(len(values) * 0.9)]
        print(f"{name:32}{statistics.median(values) * 1000:8.1f}{slow * 1000:8.1f}")


if __name__ == "__main__":
    main()
