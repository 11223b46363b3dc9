"""The engine's API, blocking: containers as frozen values, failures as our own faults. Call it in threads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.errors import NotFound as NoSuchContainer

from faas_runtime.errors import Invalid, Unavailable
from faas_runtime.providers.docker.spec import WATCHDOG_PORT

REQUEST_LIMIT = 60
"""Seconds the engine may take to answer; pulling an image is not counted."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of ours. `port` is on this machine's loopback, 0 while it does not run."""

    id: str
    name: str
    labels: Mapping[str, str]
    running: bool
    port: int
    exit_code: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image the engine has."""

    id: str
    environment: Mapping[str, str]


class DockerEngine:
    """One engine, found as the `docker` command finds it."""

    def __init__(self) -> None:
        self.address = engine_address()
        self._client: Any = None

    def connect(self) -> None:
        """Begin to speak with the engine. Raises Unavailable."""
        try:
            self._client = docker.DockerClient(base_url=self.address, timeout=REQUEST_LIMIT, max_pool_size=32)
            self._client.ping()
        except (DockerException, OSError) as err:
            raise Unavailable(f"no container engine answers at {self.address}: {_first_line(err)}") from None

    def close(self) -> None:
        """Release the connections."""
        if self._client is not None:
            self._client.close()

    def problem(self) -> str:
        """Why the engine does not answer; empty when it does."""
        try:
            self._client.ping()
        except (DockerException, OSError) as err:
            return _first_line(err)
        return ""

    def ensure_network(self, name: str) -> None:
        """Make the functions' network if it is not there."""
        with _translated():
            if not self._client.networks.list(names=[name]):
                self._client.networks.create(name, driver="bridge", labels={"io.faas": "network"}, check_duplicate=True)

    def remove_network(self, name: str) -> None:
        """Remove a network nobody uses."""
        with _translated():
            for network in self._client.networks.list(names=[name]):
                network.remove()

    def image(self, reference: str) -> Image:
        """The image, pulled if the engine does not have it. Raises Invalid when nobody has it."""
        try:
            with _translated():
                found = self._find_or_pull(reference)
        except ImageNotFound:
            raise Invalid(f"image `{reference}` is neither in the engine nor in its registry") from None
        pairs = (entry.partition("=") for entry in (found.attrs.get("Config") or {}).get("Env") or [])
        return Image(found.id, {name: value for name, _, value in pairs})

    def _find_or_pull(self, reference: str) -> Any:
        try:
            return self._client.images.get(reference)
        except ImageNotFound:
            pass
        try:
            return self._client.images.pull(reference)
        except (ImageNotFound, NoSuchContainer):
            raise ImageNotFound(reference) from None
        except APIError as err:
            raise Invalid(f"image `{reference}` cannot be pulled: {_first_line(err)}") from None

    def start(self, name: str, config: Mapping[str, Any]) -> Container:
        """Create a container and start it; one that cannot be started is removed again. Raises Invalid."""
        with _translated():
            try:
                created = self._client.containers.create(name=name, **config)
            except APIError as err:
                raise Invalid(f"the engine refuses the container: {_first_line(err)}") from None
            try:
                created.start()
            except APIError as err:
                created.remove(force=True)
                raise Invalid(f"the container cannot be started: {_first_line(err)}") from None
            created.reload()
            return _container(created.attrs)

    def find(self, labels: Mapping[str, str]) -> list[Container]:
        """Every container with these labels, stopped ones too."""
        wanted = [f"{key}={value}" for key, value in labels.items()]
        with _translated():
            listed = self._client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
            return [_container(each.attrs) for each in listed]

    def get(self, identifier: str) -> Container | None:
        """One container, None when it has gone."""
        with _translated():
            try:
                return _container(self._client.containers.get(identifier).attrs)
            except NoSuchContainer:
                return None

    def stop(self, identifier: str, grace: float) -> None:
        """SIGTERM, `grace` seconds, SIGKILL, removed. One that has gone is as good as stopped."""
        with _translated():
            try:
                container = self._client.containers.get(identifier)
                # The client gives up before a long drain would be over, unless it is told to wait.
                self._client.api.stop(container.id, timeout=max(0, int(grace)))
                container.remove(force=True)
            except NoSuchContainer:
                return
            except APIError as err:
                if err.status_code != 409:  # it is being removed already
                    raise

    def last_lines(self, identifier: str, count: int) -> list[str]:
        """The end of what a container printed."""
        try:
            with _translated():
                text = self._client.containers.get(identifier).logs(tail=count)
        except (NoSuchContainer, Unavailable):
            return []
        return [str(line) for line in text.decode("utf-8", "replace").splitlines()]

    def log_lines(
        self, identifier: str, since: float | None, tail: int | None, follow: bool
    ) -> Iterator[tuple[str, str]]:
        """Time and text of every line; ends with the container when following."""
        options: dict[str, Any] = {
            "timestamps": True,
            "stream": True,
            "follow": follow,
            "tail": tail if tail is not None else "all",
        }
        if since is not None:
            options["since"] = since
        pending = b""
        try:
            for piece in self._client.containers.get(identifier).logs(**options):
                *lines, pending = (pending + piece).split(b"\n")
                yield from (_stamped(line) for line in lines)
        except (DockerException, OSError):
            return
        if pending:
            yield _stamped(pending)

    def events(self, labels: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
        """What happens to containers with these labels: the action and the labels, until the connection ends."""
        filters = {"type": "container", "label": [f"{key}={value}" for key, value in labels.items()]}
        try:
            for event in self._client.events(decode=True, filters=filters):
                actor = event.get("Actor") or {}
                yield str(event.get("Action")), actor.get("Attributes") or {}
        except (DockerException, OSError):
            return

    def usage(self, identifier: str) -> tuple[float, float]:
        """CPU in thousandths of a core and memory in bytes, as the engine counts them now."""
        try:
            with _translated():
                stats = self._client.containers.get(identifier).stats(stream=False)
        except (NoSuchContainer, Unavailable):
            return 0.0, 0.0
        cpu, before = stats.get("cpu_stats") or {}, stats.get("precpu_stats") or {}
        used = _total(cpu) - _total(before)
        elapsed = (cpu.get("system_cpu_usage") or 0) - (before.get("system_cpu_usage") or 0)
        cores = cpu.get("online_cpus") or 1
        memory = float((stats.get("memory_stats") or {}).get("usage") or 0)
        return (used / elapsed * cores * 1000 if elapsed > 0 else 0.0), memory


def engine_address() -> str:
    """`DOCKER_HOST`, else the endpoint of the Docker context in use, else the first socket there is."""
    if address := os.environ.get("DOCKER_HOST"):
        return address
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    context = os.environ.get("DOCKER_CONTEXT") or _json(folder / "config.json").get("currentContext") or ""
    if context and context != "default":
        for path in folder.glob("contexts/meta/*/meta.json"):
            meta = _json(path)
            if meta.get("Name") == context:
                return str(meta.get("Endpoints", {}).get("docker", {}).get("Host") or "")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    sockets = (
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    )
    found = next((path for path in sockets if Path(path).exists()), sockets[0])
    return f"unix://{found}"


class _translated:
    """Turns the client library's failures into ours; what says something about one container passes."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, err: BaseException | None, trace: object) -> None:
        if isinstance(err, (NoSuchContainer, ImageNotFound)):
            return
        if isinstance(err, APIError):
            if err.status_code == 409:
                return
            raise Unavailable(f"the container engine failed: {_first_line(err)}") from None
        if isinstance(err, (DockerException, OSError)):
            raise Unavailable(f"the container engine does not answer: {_first_line(err)}") from None


def _container(attrs: Mapping[str, Any]) -> Container:
    state, network = attrs.get("State") or {}, attrs.get("NetworkSettings") or {}
    bound = (network.get("Ports") or {}).get(f"{WATCHDOG_PORT}/tcp") or []
    return Container(
        id=attrs["Id"],
        name=str(attrs.get("Name", "")).lstrip("/"),
        labels=(attrs.get("Config") or {}).get("Labels") or {},
        running=bool(state.get("Running")),
        port=int(bound[0]["HostPort"]) if bound else 0,
        exit_code=int(state.get("ExitCode") or 0),
    )


def _stamped(line: bytes) -> tuple[str, str]:
    moment, _, text = line.decode("utf-8", "replace").rstrip("\r").partition(" ")
    return moment, text


def _total(stats: Mapping[str, Any]) -> float:
    return float((stats.get("cpu_usage") or {}).get("total_usage") or 0)


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _first_line(err: BaseException) -> str:
    text = err.explanation if isinstance(err, APIError) and err.explanation else str(err)
    return str(text).strip().splitlines()[0] if str(text).strip() else type(err).__name__
