"""Access to the container engine: its address, a ping, image ids; docker-py is loaded only when needed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from faas_cli.errors import FaasError
from faas_cli.images.builders import ssh_engine
from faas_runtime.core.engine_address import EngineAddress, UnknownContext, find_address

if TYPE_CHECKING:
    from docker import APIClient

PING_TIMEOUT = 1.0
"""Seconds an engine may take to answer a ping."""
_API_TIMEOUT = 30.0
# A build step may print nothing for long (a compiler); an engine that dies closes the connection.
_READ_TIMEOUT = 3600.0

START_HINT = "start it (`systemctl start docker`, or `dockerd &`), or build without one: `--builder oci`"


def find_engine(environment: Mapping[str, str] | None = None) -> EngineAddress:
    """The engine to use, see `find_address`. It may not answer, see `ping`. Raises FaasError."""
    try:
        return find_address(os.environ if environment is None else environment)
    except UnknownContext as err:
        hint = "`docker context ls` lists the contexts; `docker context use default` selects the default"
        raise FaasError(str(err), hint=hint) from None


def engine_command() -> list[str]:
    """The first words of a command line for the engine to use: of `docker`, else of `podman`. Raises FaasError."""
    engine = find_engine()
    if shutil.which("docker") is None and shutil.which("podman") is not None:
        return ["podman", "--url", engine.url]
    # What the command finds by itself need not be said; it does not know the other settings and sockets.
    known = engine.source in ("DOCKER_HOST", "Docker's socket") or "Docker context" in engine.source
    return ["docker"] if known else ["docker", "--host", engine.url]


def reachable(engine: EngineAddress) -> EngineAddress:
    """The address to connect to: a local socket for an engine behind ssh. Raises FaasError without `ssh`."""
    if not engine.by_ssh:
        return engine
    return ssh_engine.socket_to(engine)


def connect(engine: EngineAddress, timeout: float = _READ_TIMEOUT) -> APIClient:
    """A docker-py client of the engine; `timeout` is in seconds. Raises docker.errors.DockerException."""
    import docker

    client: Any = docker.APIClient(timeout=int(timeout), version="auto", **reachable(engine).client_options())
    client._auth_configs = _installed_helpers_only(client._auth_configs)
    found: APIClient = client
    return found


def _installed_helpers_only(config: Any) -> Any:
    """docker-py's credentials without credential helpers that are not installed: a public base image needs none.

    docker-py queries every configured helper before each build, and fails if one is missing.
    """
    from docker.auth import AuthConfig

    class LoadedConfig(AuthConfig):
        # docker-py reads the file again when the configuration is empty.
        is_empty = False

    def installed(name: str) -> bool:
        return shutil.which(f"docker-credential-{name}") is not None

    kept = {**config, "credHelpers": {key: name for key, name in config.cred_helpers.items() if installed(name)}}
    if config.creds_store and not installed(config.creds_store):
        del kept["credsStore"]
    return LoadedConfig(kept)


def ping(engine: EngineAddress, seconds: float = PING_TIMEOUT) -> str:
    """Test whether the engine answers; returns the reason if not, else empty."""
    try:
        return _ping(engine, seconds)
    except (OSError, http.client.HTTPException) as err:
        return getattr(err, "strerror", None) or str(err) or type(err).__name__
    except FaasError as err:
        return f"{err.message}; {err.hint}"


def require_engine(builder: str) -> EngineAddress:
    """The engine, tested to answer. Raises FaasError with a hint how to start it."""
    engine = find_engine()
    reason = ping(engine)
    if reason:
        raise FaasError(
            f"`--builder {builder}` needs a container engine, and none answers at `{engine.url}` "
            f"({engine.source}): {reason}",
            hint=START_HINT,
        )
    return engine


def _ping(engine: EngineAddress, seconds: float) -> str:
    # An ssh login takes longer than a ping.
    connection = _connection(engine, ssh_engine.CONNECT_TIMEOUT if engine.by_ssh else seconds)
    if connection is None:
        return _ping_by_library(engine, seconds)
    status, _ = _get(connection, "/_ping")
    return "" if status == 200 else f"it answers with status {status}"


def image_id(engine: EngineAddress, image: str) -> str:
    """The id of an image in the engine; empty when it has none, or does not answer."""
    connection = _connection(engine, _API_TIMEOUT)
    try:
        if connection is None:
            return _image_id_by_library(engine, image)
        status, content = _get(connection, f"/images/{quote(image, safe='/:@')}/json")
        return str(json.loads(content)["Id"]) if status == 200 else ""
    except (OSError, http.client.HTTPException, ValueError, LookupError):
        return ""


def _connection(engine: EngineAddress, seconds: float) -> http.client.HTTPConnection | None:
    """A plain HTTP connection; None where docker-py is needed (TLS)."""
    engine = reachable(engine)
    if engine.socket:
        return _EngineConnection(engine.socket, seconds)
    if engine.url.startswith(("tcp://", "http://")) and not engine.tls:
        parts = urlsplit(engine.url)
        return http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=seconds)
    return None


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _image_id_by_library(engine: EngineAddress, image: str) -> str:
    import docker.errors

    try:
        return str(connect(engine).inspect_image(image)["Id"])  # type: ignore[no-untyped-call]
    except docker.errors.DockerException:
        return ""


def _ping_by_library(engine: EngineAddress, seconds: float) -> str:
    import docker.errors

    try:
        connect(engine, timeout=max(seconds, 5)).ping()
    except (docker.errors.DockerException, OSError) as err:
        return str(err)
    return ""


class _EngineConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
