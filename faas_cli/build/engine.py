"""Finding the container engine: `DOCKER_HOST`, the Docker context in use, Docker's socket, then Podman's."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from faas_cli.errors import FaasError

PING_SECONDS = 1.0
DOCKER_SOCKET = "/var/run/docker.sock"

START_HINT = "start it (`systemctl start docker`, or `dockerd &`), or build without one: `--builder oci`"


@dataclass(frozen=True, slots=True)
class Engine:
    """Where an engine is said to be, and by what. `tls` is the folder with its certificates, empty for none."""

    address: str
    source: str
    tls: str = ""

    @property
    def socket(self) -> str:
        """The Unix socket's path, empty for an engine elsewhere."""
        return self.address.removeprefix("unix://") if self.address.startswith("unix://") else ""

    def environment(self) -> dict[str, str]:
        """What makes the `docker` command talk to this engine."""
        found = {"DOCKER_HOST": self.address}
        return {**found, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": self.tls} if self.tls else found


def find_engine(environment: Mapping[str, str] | None = None) -> Engine:
    """The engine the user's settings name, else the first socket there is, else Docker's usual one.

    It may not answer: `ping` tells. Raises FaasError for a Docker context that is not there.
    """
    values = os.environ if environment is None else environment
    if address := values.get("DOCKER_HOST"):
        verified = values.get("DOCKER_TLS_VERIFY", "") not in ("", "0")
        folder = values.get("DOCKER_CERT_PATH") or str(_docker_folder(values))
        return Engine(_normal(address), "DOCKER_HOST", folder if verified else "")
    context = values.get("DOCKER_CONTEXT") or _current_context(_docker_folder(values))
    if context and context != "default":
        return _context(context, _docker_folder(values))
    runtime = values.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for path, source in (
        (DOCKER_SOCKET, "Docker's socket"),
        (f"{runtime}/docker.sock", "rootless Docker's socket"),
        (f"{runtime}/podman/podman.sock", "Podman's socket"),
        ("/run/podman/podman.sock", "Podman's socket"),
    ):
        if _answers_connections(path):
            return Engine(f"unix://{path}", source)
    return Engine(f"unix://{DOCKER_SOCKET}", "Docker's socket")


def ping(engine: Engine, seconds: float = PING_SECONDS) -> str:
    """Ask the engine whether it is there; returns why not, empty when it is."""
    try:
        return _ping(engine, seconds)
    except (OSError, http.client.HTTPException) as err:
        return getattr(err, "strerror", None) or str(err) or type(err).__name__


def require_engine(builder: str) -> Engine:
    """The engine, which answers. Raises FaasError saying how to start it."""
    engine = find_engine()
    reason = ping(engine)
    if reason:
        raise FaasError(
            f"`--builder {builder}` needs a container engine, and none answers at `{engine.address}` "
            f"({engine.source}): {reason}",
            hint=START_HINT,
        )
    return engine


def _ping(engine: Engine, seconds: float) -> str:
    connection = _connection(engine, seconds)
    if connection is None:
        return _ping_by_library(engine, seconds)
    status, _ = _get(connection, "/_ping")
    return "" if status == 200 else f"it answers with status {status}"


def image_id(engine: Engine, image: str) -> str:
    """The id of an image the engine has, empty when it has none, or does not answer."""
    connection = _connection(engine, 30)
    try:
        if connection is None:
            return _image_id_by_library(engine, image)
        status, content = _get(connection, f"/images/{quote(image, safe='/:@')}/json")
        return str(json.loads(content)["Id"]) if status == 200 else ""
    except (OSError, http.client.HTTPException, ValueError, LookupError):
        return ""


def _connection(engine: Engine, seconds: float) -> http.client.HTTPConnection | None:
    """A connection without any library, None where only a library knows how (TLS, ssh)."""
    if engine.socket:
        return _UnixConnection(engine.socket, seconds)
    if engine.address.startswith(("tcp://", "http://")) and not engine.tls:
        parts = urlsplit(engine.address)
        return http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=seconds)
    return None


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _image_id_by_library(engine: Engine, image: str) -> str:
    import docker.errors

    from faas_cli.build.docker import connect

    try:
        return str(connect(engine).inspect_image(image)["Id"])  # type: ignore[no-untyped-call]
    except docker.errors.DockerException:
        return ""


def _ping_by_library(engine: Engine, seconds: float) -> str:
    # TLS and ssh: slower to load, and right.
    import docker.errors

    from faas_cli.build.docker import connect

    try:
        connect(engine, timeout=max(seconds, 5)).ping()
    except (docker.errors.DockerException, OSError) as err:
        return str(err)
    return ""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _answers_connections(path: str) -> bool:
    if not Path(path).exists():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PING_SECONDS)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


def _docker_folder(values: Mapping[str, str]) -> Path:
    return Path(values.get("DOCKER_CONFIG") or Path(values.get("HOME") or Path.home()) / ".docker")


def _current_context(folder: Path) -> str:
    try:
        settings = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return ""
    return str(settings.get("currentContext") or "") if isinstance(settings, dict) else ""


def _context(name: str, folder: Path) -> Engine:
    key = hashlib.sha256(name.encode()).hexdigest()
    try:
        meta = json.loads((folder / "contexts" / "meta" / key / "meta.json").read_bytes())
        address = meta["Endpoints"]["docker"]["Host"]
    except (OSError, ValueError, LookupError, TypeError):
        raise FaasError(
            f"the Docker context `{name}` is not there, or names no engine",
            hint="`docker context ls` shows those there are; `docker context use default` goes back",
        ) from None
    tls = folder / "contexts" / "tls" / key / "docker"
    return Engine(_normal(address), f"the Docker context `{name}`", str(tls) if (tls / "ca.pem").exists() else "")


def _normal(address: str) -> str:
    """The address with its scheme: Docker takes a path and a bare host, too."""
    if "://" in address:
        return address
    return f"unix://{address}" if address.startswith("/") else f"tcp://{address}"
