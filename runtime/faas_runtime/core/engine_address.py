"""Finding the container engine, for builds and functions: from the user's settings, else by known sockets.

The order is that of the `docker` command, with Podman's `CONTAINER_HOST` after Docker's variables.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DOCKER_SOCKET = Path("/var/run/docker.sock")
PODMAN_SOCKET = Path("/run/podman/podman.sock")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PROBE_TIMEOUT = 1.0


class UnknownContext(LookupError):
    """The selected Docker context does not exist or has no engine; `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the Docker context `{name}` does not exist or has no engine")
        self.name = name


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """An engine's address and its source. `tls` is the folder of its certificates, empty for none."""

    url: str
    source: str
    tls: str = ""

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"

    @property
    def socket(self) -> str:
        """Path of the Unix socket, empty if there is none."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else ""

    @property
    def is_here(self) -> bool:
        """Whether ports it publishes on loopback are reachable on this machine's loopback."""
        parts = urlsplit(self.url)
        return parts.scheme in ("unix", "http+unix") or (parts.scheme != "ssh" and parts.hostname in _LOOPBACK)

    @property
    def by_ssh(self) -> bool:
        """Whether it is reached by ssh."""
        return self.url.startswith("ssh://")

    def client_options(self) -> dict[str, Any]:
        """Arguments for docker-py's clients; loads docker-py only for certificates."""
        if not self.tls:
            return {"base_url": self.url}
        from docker.tls import TLSConfig

        folder = Path(self.tls)
        pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
        return {"base_url": self.url, "tls": TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)}

    def environment(self) -> dict[str, str]:
        """Environment variables that make the `docker` command use this engine."""
        found = {"DOCKER_HOST": self.url}
        return {**found, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": self.tls} if self.tls else found


def find_address(environment: Mapping[str, str]) -> EngineAddress:
    """The engine from the settings, else the first known socket with a listener, else Docker's default socket.

    The engine may not run. Raises UnknownContext.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home()) / ".docker")
    if url := environment.get("DOCKER_HOST"):
        verified = environment.get("DOCKER_TLS_VERIFY", "") not in ("", "0")
        certificates = environment.get("DOCKER_CERT_PATH") or str(folder)
        return EngineAddress(_complete(url), "DOCKER_HOST", certificates if verified else "")
    if context := environment.get("DOCKER_CONTEXT", ""):
        return _socket(environment) if context == "default" else _context(context, folder)
    if url := environment.get("CONTAINER_HOST"):
        return EngineAddress(_complete(url), "CONTAINER_HOST")
    context = str(_json(folder / "config.json").get("currentContext") or "default")
    return _socket(environment) if context == "default" else _context(context, folder)


def known_sockets(environment: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """The known sockets of engines with a description, in the order they are tried."""
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    home = Path(environment.get("HOME") or Path.home())
    yield DOCKER_SOCKET, "Docker's socket"
    yield runtime / "docker.sock", "rootless Docker's socket"
    yield home / ".docker/run/docker.sock", "Docker Desktop's socket"
    yield home / ".docker/desktop/docker.sock", "Docker Desktop's socket"
    yield home / ".colima/default/docker.sock", "Colima's socket"
    yield home / ".rd/docker.sock", "Rancher Desktop's socket"
    yield runtime / "podman/podman.sock", "Podman's socket"
    yield PODMAN_SOCKET, "Podman's socket"


def _socket(environment: Mapping[str, str]) -> EngineAddress:
    for path, source in known_sockets(environment):
        if _listens(path):
            return EngineAddress(f"unix://{path}", source)
    return EngineAddress(f"unix://{DOCKER_SOCKET}", "Docker's socket")


def _listens(path: Path) -> bool:
    if not os.access(path, os.F_OK):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _context(name: str, folder: Path) -> EngineAddress:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = _json(folder / "contexts" / "meta" / key / "meta.json")
    try:
        url = meta["Endpoints"]["docker"]["Host"]
    except (LookupError, TypeError):
        raise UnknownContext(name) from None
    tls = folder / "contexts" / "tls" / key / "docker"
    secure = str(tls) if (tls / "ca.pem").exists() else ""
    return EngineAddress(_complete(str(url)), f"the Docker context `{name}`", secure)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _complete(address: str) -> str:
    """The address with its scheme: Docker accepts a path and a bare host, too."""
    if "://" in address:
        return address
    return f"unix://{address}" if address.startswith("/") else f"tcp://{address}"
