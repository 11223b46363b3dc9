"""A Swarm manager's API, blocking: objects as frozen values, errors as faults. Call it in threads."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import docker
from docker.errors import APIError, DockerException
from docker.errors import NotFound as NoSuchObject
from docker.types.daemon import CancellableStream

from faas_runtime.core.errors import AlreadyExists, Invalid, Unavailable
from faas_runtime.providers.common.docker_api import (
    Stream,
    environment_of,
    find_engine,
    first_line,
    open_client,
    text_lines,
)
from faas_runtime.providers.swarm.objects import (
    Service,
    Snapshot,
    SwarmObject,
    Task,
    node_of,
    object_labels,
    object_of,
    service_of,
    task_of,
)
from faas_runtime.providers.swarm.spec import KIND_LABEL, has_no_new_privileges

REQUEST_TIMEOUT = 30
"""Request timeout in seconds."""
_NETWORK_LABEL = {"io.faas": "network"}


class SwarmEngine:
    """A manager of a Swarm, found as the `docker` command finds its engine."""

    def __init__(self, network: str) -> None:
        self.description = "swarm"
        self.network = network
        self.no_new_privileges = False
        self.node = ""
        """The id of the manager's own node."""
        self._client: Any = None

    def connect(self) -> None:
        """Connect to the manager and create the functions' network. Raises Unavailable."""
        address = find_engine()
        client, info = open_client(address, REQUEST_TIMEOUT)
        swarm = info.get("Swarm") or {}
        if swarm.get("LocalNodeState") != "active":
            raise Unavailable(f"the engine at {address} is not in a Swarm: `docker swarm init`, or `docker swarm join`")
        if not swarm.get("ControlAvailable"):
            raise Unavailable(f"the engine at {address} is a worker of its Swarm: run the gateway on a manager")
        self.no_new_privileges = has_no_new_privileges(str(client.api.api_version))
        self._client, self.node = client, str(swarm.get("NodeID", ""))
        self.description = f"swarm {info.get('ServerVersion', '')}".strip()
        self._ensure_network()

    def subnets(self) -> list[str]:
        """The address ranges of the functions' network."""
        with swarm_faults():
            attrs = self._client.api.inspect_network(self.network)
        return [each["Subnet"] for each in (attrs.get("IPAM") or {}).get("Config") or [] if each.get("Subnet")]

    def close(self) -> None:
        """Release the connections."""
        if self._client is not None:
            self._client.close()

    def problem(self) -> str:
        """Why the manager does not answer, or has no quorum; empty when all is well."""
        try:
            self._client.swarm.reload()
        except (DockerException, OSError) as err:
            return first_line(err)
        return ""

    def snapshot(self) -> Snapshot:
        """Functions, their tasks, and the nodes. Raises Unavailable."""
        with swarm_faults():
            filters = {"label": [f"{KIND_LABEL}=function"]}
            services = [each for attrs in self._client.api.services(filters=filters) if (each := service_of(attrs))]
            known = {service.id for service in services}
            tasks: dict[str, list[Task]] = {}
            for attrs in self._client.api.tasks():
                if attrs.get("ServiceID") in known:
                    tasks.setdefault(attrs["ServiceID"], []).append(task_of(attrs, self.network))
            nodes = [node_of(attrs) for attrs in self._client.api.nodes()]
        return Snapshot({each.key: each for each in services}, tasks, {node.id: node for node in nodes})

    def service(self, identifier: str) -> Service | None:
        """One service as it is now, None when it has gone."""
        with swarm_faults():
            try:
                return service_of(self._client.api.inspect_service(identifier))
            except NoSuchObject:
                return None

    def tasks(self, service: str) -> list[Task]:
        """The tasks of one service."""
        with swarm_faults():
            return [task_of(attrs, self.network) for attrs in self._client.api.tasks({"service": service})]

    def image_labels(self, image: str) -> Mapping[str, str] | None:
        """The labels of an image that the manager's own node has; None when it has not."""
        with swarm_faults():
            try:
                attrs = self._client.api.inspect_image(image)
            except (NoSuchObject, ValueError):
                return None
        return (attrs.get("Config") or {}).get("Labels") or {}

    def environment(self, container: str) -> Mapping[str, str] | None:
        """The environment of a container on the manager's own node, its image's included; None when it has gone."""
        with swarm_faults():
            try:
                attrs = self._client.api.inspect_container(container)
            except NoSuchObject:
                return None
        return environment_of(attrs.get("Config") or {})

    def create(self, spec: Mapping[str, Any]) -> str:
        """Make a service, returns its id. Raises Invalid, AlreadyExists."""
        with swarm_faults("service"):
            return str(self._client.api.create_service(**spec)["ID"])

    def update(self, service: Service, spec: Mapping[str, Any]) -> None:
        """Give a service another specification; the Swarm replaces its tasks step by step. Raises Invalid."""
        with swarm_faults("service"):
            self._client.api.update_service(service.id, service.index, **spec)

    def scale(self, service: Service, replicas: int) -> None:
        """Change only the number of replicas."""
        mode = docker.types.ServiceMode("replicated", replicas=replicas)
        with swarm_faults("service"):
            self._client.api.update_service(service.id, service.index, mode=mode, fetch_current_spec=True)

    def remove(self, service: Service) -> None:
        """Remove a service, which stops its tasks. A missing one counts as removed."""
        with swarm_faults():
            with contextlib.suppress(NoSuchObject):
                self._client.api.remove_service(service.id)

    def log_lines(
        self, service: Service, since: float | None, tail: int | None, *, follow: bool
    ) -> tuple[Stream, Iterator[tuple[str, str, str]]]:
        """A stream to close, and time, task and text of every line of a service. Raises Unavailable."""
        options: dict[str, Any] = {
            "details": True, "timestamps": True, "stdout": True, "stderr": True, "follow": follow,
            "tail": tail if tail is not None else "all", "since": int(since) if since is not None else 0,
        }  # fmt: skip
        api = self._client.api
        with swarm_faults():
            # The stream of the library's own call cannot be closed while it is being read.
            answer = api._get(api._url("/services/{0}/logs", service.id), params=options, stream=True)
            chunks = CancellableStream(api._get_result_tty(True, answer, False), answer)
        return Stream(chunks), map(_log_line, text_lines(chunks))

    def objects(self, kind: str, namespace: str = "") -> list[SwarmObject]:
        """The secrets, or the configs that stand for namespaces, oldest first."""
        api = self._client.api
        with swarm_faults():
            found = api.secrets() if kind == "secret" else api.configs()
        objects = [object_of(attrs) for attrs in found if object_labels(attrs).get(KIND_LABEL) == kind]
        found = [each for each in objects if namespace in ("", each.namespace)]
        return sorted(found, key=lambda each: each.created_at)

    def create_object(self, kind: str, name: str, data: bytes, labels: Mapping[str, str]) -> str:
        """Create a secret or a config in the Swarm; returns its id. Raises Invalid, AlreadyExists."""
        api = self._client.api
        with swarm_faults(kind):
            if kind == "secret":
                return str(api.create_secret(name, data, labels=dict(labels))["ID"])
            return str(api.create_config(name, data, labels=dict(labels))["ID"])

    def remove_object(self, kind: str, identifier: str) -> None:
        """Remove one. Raises Invalid while a service uses it."""
        api = self._client.api
        with swarm_faults(kind), contextlib.suppress(NoSuchObject):
            (api.remove_secret if kind == "secret" else api.remove_config)(identifier)

    def config_data(self, identifier: str) -> str:
        """What a config holds."""
        with swarm_faults():
            attrs = self._client.api.inspect_config(identifier)
        return base64.b64decode(attrs["Spec"].get("Data") or "").decode("utf-8", "replace")

    def _ensure_network(self) -> None:
        with swarm_faults("network"):
            # The engine's filter also finds names that contain this one.
            if all(each.name != self.network for each in self._client.networks.list(names=[self.network])):
                self._client.networks.create(
                    self.network, driver="overlay", attachable=True, scope="swarm", labels=_NETWORK_LABEL
                )


class OutOfDate(Exception):
    """Another client has changed the service meanwhile: read it again."""


@contextlib.contextmanager
def swarm_faults(subject: str = "") -> Iterator[None]:
    """Turns the client library's errors into faults; with `subject`, a refusal is the request's own fault."""
    try:
        yield
    except APIError as err:
        if isinstance(err, NoSuchObject) and not subject:
            raise
        if subject and err.status_code == 409:
            raise AlreadyExists(f"the Swarm has this {subject} already: {first_line(err)}") from None
        if subject and err.status_code is not None and 400 <= err.status_code < 500:
            raise Invalid(f"the Swarm refuses the {subject}: {first_line(err)}") from None
        if "out of sequence" in str(err):
            raise OutOfDate from None
        raise Unavailable(f"the Swarm's manager failed: {first_line(err)}") from None
    except (DockerException, OSError) as err:
        raise Unavailable(f"the Swarm's manager does not answer: {first_line(err)}") from None


def _log_line(line: str) -> tuple[str, str, str]:
    """Time, task and text of `TIME com.docker.swarm.node.id=…,com.docker.swarm.task.id=… TEXT`."""
    moment, _, rest = line.partition(" ")
    details, _, text = rest.partition(" ")
    pairs = dict(pair.partition("=")[::2] for pair in details.split(","))
    return moment, pairs.get("com.docker.swarm.task.id", ""), text
