"""Finding the engine as the `docker` command finds it: `DOCKER_HOST`, the Docker context, then the usual sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from faas_runtime.errors import Unavailable

DOCKER_SOCKET = Path("/var/run/docker.sock")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where the engine listens, and what says so. `tls` is the folder with `ca.pem`, `cert.pem` and `key.pem`."""

    url: str
    source: str
    tls: str = ""

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"

    @property
    def is_here(self) -> bool:
        """Whether ports it publishes on loopback are on this machine's loopback."""
        parts = urlsplit(self.url)
        return parts.scheme in ("unix", "http+unix") or (parts.scheme != "ssh" and parts.hostname in _LOOPBACK)


def find_address(environment: Mapping[str, str]) -> EngineAddress:
    """The engine to use. Raises Unavailable when the Docker context that is in use is not there."""
    folder = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    if url := environment.get("DOCKER_HOST"):
        verify = environment.get("DOCKER_TLS_VERIFY", "") not in ("", "0")
        return EngineAddress(url, "DOCKER_HOST", environment.get("DOCKER_CERT_PATH", str(folder)) if verify else "")
    context = environment.get("DOCKER_CONTEXT") or _json(folder / "config.json").get("currentContext") or ""
    if context and context != "default":
        return _of_context(context, folder / "contexts")
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    sockets = {
        DOCKER_SOCKET: "Docker's socket",
        Path(runtime, "docker.sock"): "rootless Docker's socket",
        Path(runtime, "podman/podman.sock"): "Podman's socket",
        Path("/run/podman/podman.sock"): "Podman's socket",
    }
    path = next((path for path in sockets if path.exists()), DOCKER_SOCKET)
    return EngineAddress(f"unix://{path}", sockets[path])


def _of_context(name: str, folder: Path) -> EngineAddress:
    for path in folder.glob("meta/*/meta.json"):
        meta = _json(path)
        if meta.get("Name") == name:
            url = ((meta.get("Endpoints") or {}).get("docker") or {}).get("Host") or f"unix://{DOCKER_SOCKET}"
            tls = folder / "tls" / path.parent.name / "docker"
            return EngineAddress(str(url), f"Docker context `{name}`", str(tls) if tls.is_dir() else "")
    raise Unavailable(f"Docker context `{name}` does not exist: choose one with `docker context use`")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
