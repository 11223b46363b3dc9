"""Services, tasks, nodes and secrets of a Swarm as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.swarm.spec import NAME_LABEL, NAMESPACE_LABEL, VERSION_LABEL, deployment_of


@dataclass(frozen=True, slots=True)
class Service:
    """A function's service. `index` is the version that a change must name."""

    id: str
    index: int
    key: FunctionKey
    deployment: FunctionDeployment
    version: str
    replicas: int
    created_at: str
    update_state: str = ""
    update_message: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt to run a replica: `desired` while the Swarm means it to run, `running` once it is healthy."""

    id: str
    service: str
    node: str
    version: str
    desired: bool
    running: bool
    failed: bool
    message: str
    address: str
    port: int
    container: str = ""
    pid: int = 0
    """Its first process on its node; 0 while it has none."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the Swarm; `up` as the managers see it."""

    id: str
    name: str
    address: str
    up: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The functions of a Swarm at one moment."""

    services: Mapping[FunctionKey, Service]
    tasks: Mapping[str, Sequence[Task]]
    """By the id of their service."""
    nodes: Mapping[str, Node]

    def tasks_of(self, service: Service) -> Sequence[Task]:
        """All tasks of a service, those that have ended too."""
        return self.tasks.get(service.id, ())


@dataclass(frozen=True, slots=True)
class SwarmObject:
    """A secret or config of this project. The engine never reveals a secret's value."""

    id: str
    swarm_name: str
    name: str
    namespace: str
    created_at: str


def service_of(attrs: Mapping[str, Any]) -> Service | None:
    """A function's service; None for one whose deployment cannot be read."""
    spec = attrs.get("Spec") or {}
    labels = spec.get("Labels") or {}
    deployment = deployment_of(labels)
    if deployment is None:
        return None
    container = ((spec.get("TaskTemplate") or {}).get("ContainerSpec")) or {}
    status = attrs.get("UpdateStatus") or {}
    return Service(
        id=attrs["ID"],
        index=int((attrs.get("Version") or {}).get("Index", 0)),
        key=FunctionKey(labels.get(NAME_LABEL, ""), labels.get(NAMESPACE_LABEL, "")),
        deployment=deployment,
        version=(container.get("Labels") or {}).get(VERSION_LABEL, ""),
        replicas=int((((spec.get("Mode") or {}).get("Replicated")) or {}).get("Replicas", 0)),
        created_at=str(attrs.get("CreatedAt", "")),
        update_state=str(status.get("State", "")),
        update_message=str(status.get("Message", "")),
    )


def task_of(attrs: Mapping[str, Any], network: str) -> Task:
    """A task, with its address on `network`."""
    status = attrs.get("Status") or {}
    state, container = str(status.get("State", "")), ((attrs.get("Spec") or {}).get("ContainerSpec")) or {}
    addresses = [
        address.partition("/")[0]
        for each in attrs.get("NetworksAttachments") or []
        if ((each.get("Network") or {}).get("Spec") or {}).get("Name") == network
        for address in each.get("Addresses") or []
    ]
    ports = (status.get("PortStatus") or {}).get("Ports") or []
    process = status.get("ContainerStatus") or {}
    return Task(
        id=attrs["ID"],
        service=attrs.get("ServiceID", ""),
        node=attrs.get("NodeID", ""),
        version=(container.get("Labels") or {}).get(VERSION_LABEL, ""),
        desired=attrs.get("DesiredState") == "running",
        running=state == "running",
        failed=state in ("failed", "rejected", "complete", "orphaned"),
        message=str(status.get("Err") or status.get("Message") or ""),
        address=addresses[0] if addresses else "",
        port=int(ports[0].get("PublishedPort") or 0) if ports else 0,
        container=str(process.get("ContainerID", "")),
        pid=int(process.get("PID") or 0),
    )


def node_of(attrs: Mapping[str, Any]) -> Node:
    """A machine."""
    status = attrs.get("Status") or {}
    description = attrs.get("Description") or {}
    return Node(
        id=attrs["ID"],
        name=str(description.get("Hostname", "")),
        address=str(status.get("Addr", "")),
        up=status.get("State") == "ready",
    )


def object_of(attrs: Mapping[str, Any]) -> SwarmObject:
    """A secret or config."""
    labels = object_labels(attrs)
    return SwarmObject(
        id=attrs["ID"],
        swarm_name=str((attrs.get("Spec") or {}).get("Name", "")),
        name=labels.get(NAME_LABEL, ""),
        namespace=labels.get(NAMESPACE_LABEL, ""),
        created_at=str(attrs.get("CreatedAt", "")),
    )


def object_labels(attrs: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of a secret or config."""
    return (attrs.get("Spec") or {}).get("Labels") or {}
