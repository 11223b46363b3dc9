"""The engine's API, blocking: containers as frozen values, errors as faults. Call it in threads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError, DockerException, ImageNotFound
from docker.errors import NotFound as NoSuchContainer
from docker.utils import parse_repository_tag

from faas_runtime.core.engine_address import EngineAddress
from faas_runtime.core.engine_registry import (
    is_podman,
    plain_http_hint,
    refuses_credentials,
    registry_of,
    speaks_plain_http,
)
from faas_runtime.core.errors import Invalid, Unavailable
from faas_runtime.providers.common.docker_api import (
    LOG_OPTIONS,
    STREAM_ENDED,
    Stream,
    environment_of,
    find_engine,
    first_line,
    open_client,
    text_lines,
)
from faas_runtime.providers.docker.container import Container, Image, container_of
from faas_runtime.providers.docker.self_container import SelfContainer, find_self_container
from faas_runtime.providers.docker.spec import NAMESPACE_LABEL

REQUEST_TIMEOUT = 60
"""Request timeout in seconds; pulling an image is not limited."""
_LOGIN = "log in with `docker login` where the gateway runs, or give the function a secret that is a Docker config"


class DockerEngine:
    """One engine, found as the `docker` command finds it."""

    def __init__(self) -> None:
        self.address: EngineAddress | None = None
        self.description = "docker"
        """Name and version of the engine."""
        self.own = SelfContainer()
        self._client: Any = None
        self._log_config: dict[str, Any] = {}
        self._podman = False
        self.limits = frozenset[str]()
        """What the engine can limit: `memory`, `pids`; a rootless engine may lack the control groups for it."""

    def connect(self) -> None:
        """Connect to the engine. Raises Unavailable."""
        address = self.address = find_engine()
        if not address.is_here:
            raise Unavailable(
                f"the container engine at {address} is on another machine, whose loopback the gateway cannot reach: "
                "run the gateway there"
            )
        self._client, info = open_client(address, REQUEST_TIMEOUT)
        with docker_faults():
            version = self._client.version()
        self._podman = is_podman(version)
        self.limits = frozenset(
            name for name, key in (("memory", "MemoryLimit"), ("pids", "PidsLimit")) if info.get(key, True)
        )
        self.own = find_self_container(self._client)
        self.description = f"{'podman' if self._podman else 'docker'} {version.get('Version', '')}".strip()
        if info.get("LoggingDriver") in ("json-file", "local"):
            self._log_config = {"log_config": {"Type": info["LoggingDriver"], "Config": LOG_OPTIONS}}

    def close(self) -> None:
        """Release the connections."""
        if self._client is not None:
            self._client.close()

    def problem(self) -> str:
        """Why the engine does not answer; empty when it does."""
        try:
            self._client.ping()
        except (DockerException, OSError) as err:
            return first_line(err)
        return ""

    def ensure_network(self, name: str, namespace: str) -> None:
        """Create a network of functions if it is missing, and join it if the gateway runs in a container."""
        with docker_faults():
            if not self._has_network(name):
                try:
                    labels = {"io.faas": "network", NAMESPACE_LABEL: namespace}
                    self._client.networks.create(name, driver="bridge", labels=labels, check_duplicate=True)
                except APIError:
                    if not self._has_network(name):  # else another function's deployment has created it
                        raise
            self.own.join(self._client, name)

    def remove_network(self, name: str) -> None:
        """Remove a network, unless containers use it."""
        with docker_faults(), contextlib.suppress(APIError):
            for network in self._client.networks.list(names=[name]):
                if network.name == name:
                    self.own.leave(network)
                    network.remove()

    def _has_network(self, name: str) -> bool:
        # The engine's filter also finds names that contain this one.
        return any(network.name == name for network in self._client.networks.list(names=[name]))

    def image(self, reference: str, auth: Mapping[str, Any] | None = None) -> Image:
        """The image, pulled if the engine does not have it. Raises Invalid when the registry has none either.

        `auth` are credentials for its registry, those of the Docker config unless given.
        """
        try:
            with docker_faults():
                found = self._find_or_pull(reference, auth)
        except ImageNotFound:
            raise Invalid(f"image `{reference}` is neither in the engine nor in its registry") from None
        config = found.attrs.get("Config") or {}
        return Image(found.id, environment_of(config), config.get("Labels") or {})

    def _find_or_pull(self, reference: str, auth: Mapping[str, Any] | None) -> Any:
        # A pinned reference names an image by its id, which no registry knows.
        for name in (reference, reference.partition("@")[2]):
            try:
                if name:
                    return self._client.images.get(name)
            except ImageNotFound:
                pass
            except APIError as err:
                if err.status_code == 400:
                    raise Invalid(f"image `{reference}`: {first_line(err)}") from None
                raise
        try:
            # The user may have logged in since the gateway started.
            self._client.api.reload_config()
            self._pull(reference, auth)
            return self._client.images.get(reference)
        except (ImageNotFound, NoSuchContainer):
            raise ImageNotFound(reference) from None
        except APIError as err:
            raise self._cannot_pull(reference, first_line(err)) from None

    def _pull(self, reference: str, auth: Mapping[str, Any] | None) -> None:
        name, tag = parse_repository_tag(reference)
        lines = self._client.api.pull(name, tag=tag or "latest", stream=True, decode=True, auth_config=auth)
        for line in lines:
            # Podman has answered 200 by then, and the library's own `pull` would ignore the reason.
            if "error" in line:
                raise self._cannot_pull(reference, str(line["error"]).strip().splitlines()[0])

    def _cannot_pull(self, reference: str, reason: str) -> Invalid:
        advice = f"; {_LOGIN}" if refuses_credentials(reason) else ""
        if speaks_plain_http(reason):
            advice = f"; {plain_http_hint(registry_of(reference), podman=self._podman)}"
        return Invalid(f"image `{reference}` cannot be pulled: {reason}{advice}")

    def start(self, name: str, config: Mapping[str, Any]) -> Container:
        """Create a container and start it; one that cannot be started is removed again. Raises Invalid."""
        with docker_faults():
            try:
                created = self._client.containers.create(name=name, **self._log_config, **config)
            except APIError as err:
                raise Invalid(f"the engine refuses the container: {first_line(err)}") from None
            try:
                created.start()
            except APIError as err:
                created.remove(force=True)
                raise Invalid(f"the container cannot be started: {first_line(err)}") from None
            created.reload()
            return container_of(created.attrs, inside=self.own.inside)

    def find(self, labels: Mapping[str, str]) -> list[Container]:
        """Every container with these labels, stopped ones too."""
        filters = [f"{key}={value}" for key, value in labels.items()]
        with docker_faults():
            listed = self._client.api.containers(all=True, filters={"label": filters})
        return [found for each in listed if (found := self.get(each["Id"])) is not None]

    def get(self, identifier: str) -> Container | None:
        """One container, None when it has gone."""
        with docker_faults():
            try:
                return container_of(self._client.api.inspect_container(identifier), inside=self.own.inside)
            except APIError as err:
                # Podman answers 500 for one that is being removed.
                if isinstance(err, NoSuchContainer) or "no such container" in first_line(err).lower():
                    return None
                raise

    def stop(self, identifier: str, grace: float) -> None:
        """Send SIGTERM, SIGKILL after `grace` seconds, and remove it. A missing container counts as stopped."""
        with docker_faults():
            try:
                container = self._client.containers.get(identifier)
                if grace >= 1:
                    # Without `timeout` the client gives up before a long drain is over.
                    self._client.api.stop(container.id, timeout=int(grace))
                # This also ends a stop that waits, which a second stop with another grace would wait for.
                container.remove(force=True)
            except NoSuchContainer:
                return
            except APIError as err:
                if err.status_code != 409:  # it is being removed already
                    raise

    def last_lines(self, identifier: str, count: int) -> list[str]:
        """The end of what a container printed."""
        try:
            with docker_faults():
                text = self._client.containers.get(identifier).logs(tail=count)
        except (NoSuchContainer, Unavailable):
            return []
        return [str(line) for line in text.decode("utf-8", "replace").splitlines()]

    def log_lines(
        self, identifier: str, since: float | None, tail: int | None, follow: Callable[[Stream], None] | None = None
    ) -> Iterator[tuple[str, str]]:
        """Time and text of every line; with `follow` also later ones, until the container or the stream ends.

        `follow` is handed the stream as soon as it is open, to close it from elsewhere.
        """
        options: dict[str, Any] = {"timestamps": True, "stream": True, "follow": follow is not None}
        options["tail"] = tail if tail is not None else "all"
        if since is not None:
            options["since"] = since
        try:
            chunks = self._client.containers.get(identifier).logs(**options)
        except STREAM_ENDED:  # the container has gone
            return
        if follow is not None:
            follow(Stream(chunks))
        for line in text_lines(chunks):
            moment, _, text = line.partition(" ")
            yield moment, text

    def events(
        self, labels: Mapping[str, str], since: int, opened: Callable[[Stream], None]
    ) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        """Events of containers with these labels: action, id and labels, until the connection ends.

        `since` is in seconds of the epoch; `opened` is handed the stream, to close it from elsewhere.
        """
        filters = {"type": "container", "label": [f"{key}={value}" for key, value in labels.items()]}
        try:
            events = self._client.events(decode=True, filters=filters, since=since)
            opened(Stream(events))
            for event in events:
                actor = event.get("Actor") or {}
                yield str(event.get("Action")), str(actor.get("ID")), actor.get("Attributes") or {}
        except STREAM_ENDED:
            return

    def usage(self, identifier: str) -> Usage | None:
        """Total usage of a container; None when it has gone."""
        try:
            with docker_faults():
                stats = self._client.api.stats(identifier, stream=False, one_shot=True)
        except (DockerException, Unavailable):
            return None
        memory = stats.get("memory_stats") or {}
        detail = memory.get("stats") or {}
        # The kernel frees pages of files when memory is needed: they are not the function's.
        cache = detail.get("inactive_file") or detail.get("total_inactive_file") or 0
        used = (stats.get("cpu_stats") or {}).get("cpu_usage") or {}
        return Usage(float(used.get("total_usage") or 0) / 1e9, max(0.0, float(memory.get("usage") or 0) - cache))


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time in seconds since the container began, and bytes of memory now."""

    processor: float
    memory: float


@contextlib.contextmanager
def docker_faults() -> Iterator[None]:
    """Turns the client library's errors into faults, except those about a single container."""
    try:
        yield
    except (NoSuchContainer, ImageNotFound):
        raise
    except APIError as err:
        if err.status_code == 409:
            raise
        raise Unavailable(f"the container engine failed: {first_line(err)}") from None
    except (DockerException, OSError) as err:
        raise Unavailable(f"the container engine does not answer: {first_line(err)}") from None
