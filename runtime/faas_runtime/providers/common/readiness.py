"""When a replica takes calls: what it must answer, and how a function behind another watchdog is waited for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.durations import duration_or_none
from faas_runtime.core.errors import Invalid
from faas_runtime.core.http import Address, HttpFailure, request

HEALTH, READY = "/_/health", "/_/ready"
"""`READY` is about the function behind our watchdog; others only report on themselves, or hand it to the function."""
WATCHDOG_HEADER = "x-watchdog"
"""Header by which our watchdog shows that its `/_/ready` is about the function."""
READY_PREFIX, HEALTH_PREFIX = "com.openfaas.ready.http.", "com.openfaas.health.http."
"""Annotations of a function's probe, as OpenFaaS has them: `path`, `initialDelaySeconds`, `periodSeconds`, ..."""
FOREIGN_DELAY = 2.0
"""Seconds after its start for a function behind another watchdog that cannot be seen to listen (OpenFaaS's default)."""
POLL = 0.05
"""Seconds between two probes, unless an annotation says otherwise."""
_LISTENING = "0A"
_PATH = re.compile(r"/[!-~]*")


@dataclass(frozen=True, slots=True)
class Probe:
    """What to ask replicas of one deployment; times are in seconds."""

    path: str = ""
    """Path of the function that answers 200 to 399 once it is ready; empty asks the watchdog."""
    initial_delay: float | None = None
    """No probe before a replica is this old; None waits only where the function cannot be seen."""
    period: float = POLL
    timeout: float = 2.0
    upstream_port: int | None = None
    """Port at which the function listens inside its container: 0 if it is started for each call, None if unknown."""


OWN_WATCHDOG = Probe(path=READY, timeout=1.0)
"""For replicas whose watchdog is known to be ours: one request is enough."""


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Where a replica is asked: `host` and `port`, or `unix`, a socket's path.

    `age` is in seconds; `pid` is its first process if that is one of this machine.
    """

    host: str = ""
    port: int = 0
    age: float = 0.0
    pid: int = 0
    unix: str = ""


def probe_of(deployment: FunctionDeployment, image: Mapping[str, str] | None) -> Probe:
    """The probe of a deployment; `image` is the environment in its image, if known. Raises Invalid for annotations."""
    environment = {**(image or {}), **deployment.env_vars}
    path = _setting(deployment, "path")
    if path and not _PATH.fullmatch(path):
        raise Invalid(f"annotation `{READY_PREFIX}path`: `{path}` is not a path like `/healthz`")
    upstream = environment.get("http_upstream_url") or environment.get("upstream_url") or ""
    # The watchdog's own endpoints say nothing that is not asked for anyway.
    return Probe(
        path="" if path in (HEALTH, READY) else path,
        initial_delay=_seconds(deployment, "initialDelay"),
        period=_seconds(deployment, "period") or POLL,
        timeout=_seconds(deployment, "timeout") or 2.0,
        upstream_port=_port(upstream) if environment.get("mode") == "http" else None if image is None else 0,
    )


def accepted_probe(deployment: FunctionDeployment, image: Mapping[str, str] | None) -> Probe:
    """`probe_of` for a deployment that was accepted earlier, perhaps by a release with other rules."""
    try:
        return probe_of(deployment, image)
    except Invalid:
        return Probe()


async def is_ready(replica: ProbeTarget, probe: Probe) -> bool:
    """Whether calls may be sent to a replica now."""
    if replica.age < (probe.initial_delay or 0.0):
        return False
    try:
        async with asyncio.timeout(probe.timeout):
            if probe.path:
                status, _ = await _get(replica, probe.path, probe.timeout)
                return 200 <= status < 400
            status, ours = await _get(replica, HEALTH, probe.timeout)
            if ours and status == 200:
                status, _ = await _get(replica, READY, probe.timeout)
                # A busy replica (429) has answered calls before.
                return status in (200, 429)
            # An image without a watchdog answers in its own way, which is all there is to wait for.
            return status < 500 and (status != 200 or _foreign_is_ready(replica, probe))
    except (HttpFailure, TimeoutError):
        return False


def _foreign_is_ready(replica: ProbeTarget, probe: Probe) -> bool:
    """Whether the function behind a healthy watchdog of somebody else takes connections, as far as can be seen."""
    if probe.upstream_port == 0:
        return True
    listening = listens(replica.pid, probe.upstream_port) if replica.pid and probe.upstream_port else None
    if listening is None:
        return replica.age >= (FOREIGN_DELAY if probe.initial_delay is None else probe.initial_delay)
    return listening


async def _get(replica: ProbeTarget, path: str, limit: float) -> tuple[int, bool]:
    """The status of a path, and whether our watchdog answered."""
    address = Address(replica.host, replica.port, host_header="watchdog", unix=replica.unix)
    async with request(address, "GET", path, connect_timeout=limit) as response:
        return response.status, any(name.lower() == WATCHDOG_HEADER for name, _ in response.headers)


def listens(pid: int, port: int, proc: Path = Path("/proc")) -> bool | None:
    """Whether something listens at a TCP port in the network of a process; None when that cannot be seen."""
    tables = []
    for name in ("tcp", "tcp6"):
        try:
            tables.append((proc / str(pid) / "net" / name).read_text())
        except OSError:
            continue
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    found = any(row[1].endswith(f":{port:04X}") and row[3] == _LISTENING for row in rows if len(row) > 3)
    return found if tables else None


def _port(url: str) -> int:
    try:
        return urlsplit(url if "://" in url else f"http://{url}").port or 80
    except ValueError:
        return 0


def _setting(deployment: FunctionDeployment, *names: str) -> str:
    """An annotation of the ready probe, else of the health probe, which stands in for it."""
    annotations = deployment.annotations or {}
    keys = (prefix + name for prefix in (READY_PREFIX, HEALTH_PREFIX) for name in names)
    return next((annotations[key].strip() for key in keys if annotations.get(key, "").strip()), "")


def _seconds(deployment: FunctionDeployment, name: str) -> float | None:
    """A time in seconds; the older spelling without `Seconds` holds a duration."""
    text = _setting(deployment, f"{name}Seconds", name)
    if not text:
        return None
    seconds = duration_or_none(text)
    if seconds is None:
        raise Invalid(f"annotation `{READY_PREFIX}{name}Seconds`: `{text}` is not a number of seconds")
    return seconds
