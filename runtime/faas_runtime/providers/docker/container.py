"""Containers and images of the engine as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from faas_runtime.providers.common.docker_api import WATCHDOG_PORT
from faas_runtime.providers.docker.self_container import address_of


@dataclass(frozen=True, slots=True)
class Container:
    """A container of this gateway. Its watchdog is at `host` and `port`; 0 while it does not run."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool
    port: int
    exit_code: int
    out_of_memory: bool = False
    healthy: bool = True
    host: str = "127.0.0.1"
    pid: int = 0
    """Its first process; 0 while it does not run, or where the gateway cannot see it."""
    started_at: float = 0.0
    """When it was started, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image the engine has."""

    id: str
    environment: Mapping[str, str]
    labels: Mapping[str, str]


def container_of(attrs: Mapping[str, Any], *, inside: bool = False) -> Container:
    """A container from the engine's description of it.

    It is reached at its published port, or by a gateway `inside` at its address on the functions' network.
    """
    state, network = attrs.get("State") or {}, attrs.get("NetworkSettings") or {}
    bound = (network.get("Ports") or {}).get(f"{WATCHDOG_PORT}/tcp") or []
    host, port = "127.0.0.1", int(bound[0]["HostPort"]) if bound else 0
    if inside:
        host = address_of(attrs)
        port = WATCHDOG_PORT if host else 0
    return Container(
        id=attrs["Id"],
        name=str(attrs.get("Name", "")).lstrip("/"),
        labels=(attrs.get("Config") or {}).get("Labels") or {},
        running=bool(state.get("Running")),
        port=port,
        exit_code=int(state.get("ExitCode") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        healthy=(state.get("Health") or {}).get("Status") != "unhealthy",
        host=host,
        # A gateway in a container has processes of its own under the engine's numbers.
        pid=0 if inside else int(state.get("Pid") or 0),
        started_at=_seconds(str(state.get("StartedAt") or "")),
    )


def _seconds(moment: str) -> float:
    """The engine's time, which has nanoseconds, as seconds since 1970; 0 for none."""
    try:
        return datetime.fromisoformat(f"{moment[:19]}+00:00").timestamp()
    except ValueError:
        return 0.0
