"""From a deployment to a Swarm service, and back: the deployment is stored in a label of the service."""

from __future__ import annotations

import hashlib
import secrets as random_secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from docker.types import (
    ContainerSpec,
    DriverConfig,
    EndpointSpec,
    Mount,
    Placement,
    Resources,
    RestartPolicy,
    SecretReference,
    ServiceMode,
    TaskTemplate,
    UpdateConfig,
)

from faas_runtime.core.api import SECRETS_PATH, FunctionDeployment
from faas_runtime.core.container_rights import ContainerRights, rights_of
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.annotations import drain_timeout, function_environment
from faas_runtime.providers.common.docker_api import (
    LOG_OPTIONS,
    WATCHDOG_PORT,
    check_deployment,
    container_memory,
    memory_limit,
)
from faas_runtime.providers.common.limits import cpu_of

KIND_LABEL = "io.faas.kind"
"""What an object of the Swarm stands for: `function`, `secret` or `namespace`. Others are never touched."""
NAME_LABEL = "io.faas.name"
NAMESPACE_LABEL = "io.faas.namespace"
DEPLOYMENT_LABEL = "io.faas.deployment"
VERSION_LABEL = "io.faas.version"

DRAIN_WINDOW = "3s"
"""How long a watchdog still accepts calls after SIGTERM: until every gateway has updated its routes."""
_DRAIN_MARGIN = 10.0
_SECOND = 1_000_000_000
_MAX_NAME = 63


def service_name(key: FunctionKey) -> str:
    """The service's name, of letters a Swarm allows: name and namespace, or the beginning of them and a hash."""
    # The only underscore separates the namespace, so two functions never get one name.
    name = f"{key.name}_{key.namespace}"
    if len(name) <= _MAX_NAME and not {".", "_"} & set(key.name):
        return name
    digest = hashlib.sha256(str(key).encode()).hexdigest()[:12]
    return f"{name.replace('.', '-')[: _MAX_NAME - 13]}-{digest}"


def labels_of(kind: str, name: str, namespace: str) -> dict[str, str]:
    """The labels by which an object is found."""
    return {KIND_LABEL: kind, NAME_LABEL: name, NAMESPACE_LABEL: namespace}


def service_spec(
    deployment: FunctionDeployment,
    secrets: Sequence[SecretReference],
    network: str,
    replicas: int,
    *,
    published: bool,
    image_labels: Mapping[str, str] | None = None,
    no_new_privileges: bool = False,
) -> dict[str, Any]:
    """Arguments of the engine's create and update calls. Raises Invalid for settings that no Swarm can fulfil.

    `image_labels` are those of the image, if known; `no_new_privileges` says that the engine has it.
    `published` gives every task a port of its own on its node, for gateways outside the network.
    """
    check_deployment(deployment)
    rights = rights_of(deployment, image_labels)
    key = FunctionKey(deployment.service, deployment.namespace)
    container = ContainerSpec(
        image=deployment.image,
        env=[f"{name}={value}" for name, value in function_environment(deployment, DRAIN_WINDOW).items()],
        labels={**(deployment.labels or {}), VERSION_LABEL: random_secrets.token_hex(4)},
        secrets=list(secrets),
        read_only=rights.read_only_root,
        # For the watchdog's lock file and the function's temporary files.
        mounts=[Mount("/tmp", None, type="tmpfs")] if rights.read_only_root else None,  # noqa: S108
        cap_drop=["ALL"],
        cap_add=list(rights.capabilities),
        stop_grace_period=int(drain_timeout(deployment, _DRAIN_MARGIN) * _SECOND),
        init=False,
    )
    if no_new_privileges and not rights.new_privileges:
        container["Privileges"] = {"NoNewPrivileges": True}
    template = TaskTemplate(
        container,
        resources=_resources(deployment, rights),
        restart_policy=RestartPolicy("any", delay=_SECOND),
        placement=Placement(constraints=_constraints(deployment)),
        log_driver=DriverConfig("json-file", LOG_OPTIONS),
        networks=[network],
    )
    kept = msgspec.json.encode(deployment).decode()
    ports = [{"Protocol": "tcp", "TargetPort": WATCHDOG_PORT, "PublishMode": "host"}] if published else []
    return {
        "task_template": template,
        "name": service_name(key),
        "labels": {**labels_of("function", *key), DEPLOYMENT_LABEL: kept},
        "mode": ServiceMode("replicated", replicas=replicas),
        "update_config": UpdateConfig(
            # New tasks start before old ones stop.
            parallelism=max(1, replicas // 2),
            order="start-first",
            failure_action="rollback",
            monitor=_SECOND,
            max_failure_ratio=0,
        ),
        "endpoint_spec": _endpoint(ports),
    }


def version_of(spec: Mapping[str, Any]) -> str:
    """The version in a specification."""
    return str(spec["task_template"]["ContainerSpec"]["Labels"][VERSION_LABEL])


def secret_reference(secret_id: str, swarm_name: str, name: str) -> SecretReference:
    """A reference that mounts a secret at the usual path."""
    return SecretReference(secret_id, swarm_name, filename=f"{SECRETS_PATH}/{name}", mode=0o444)


def deployment_of(labels: Mapping[str, str]) -> FunctionDeployment | None:
    """The deployment a service was made of; None when its label cannot be read."""
    try:
        return msgspec.json.decode(labels.get(DEPLOYMENT_LABEL, ""), type=FunctionDeployment)
    except msgspec.MsgspecError:
        return None


def _endpoint(ports: list[dict[str, Any]]) -> EndpointSpec:
    # The proxy knows every task, so no virtual address is needed.
    endpoint = EndpointSpec(mode="dnsrr")
    if ports:
        endpoint["Ports"] = ports
    return endpoint


def _constraints(deployment: FunctionDeployment) -> list[str]:
    """Placement as Docker writes it: `node.role == worker`."""
    found = []
    for text in deployment.constraints:
        if "==" not in text and "!=" not in text:
            raise Invalid(f"field `constraints`: `{text}` is not like `node.role == worker`")
        found.append(text)
    return found


def has_no_new_privileges(api_version: str) -> bool:
    """Whether an engine of this API version can keep the tasks of services from gaining rights."""
    return tuple(int(part) for part in api_version.split(".") if part.isdigit()) >= (1, 46)


def _resources(deployment: FunctionDeployment, rights: ContainerRights) -> Resources:
    limits, requests = deployment.limits, deployment.requests
    found = Resources(
        cpu_limit=_cpu(limits.cpu, "limits.cpu") if limits else None,
        mem_limit=memory_limit(deployment, rights.memory),
        cpu_reservation=_cpu(requests.cpu, "requests.cpu") if requests else None,
        mem_reservation=_memory(requests.memory, "requests.memory") if requests else None,
    )
    if rights.pids:
        found.setdefault("Limits", {})["Pids"] = rights.pids
    return found


def _cpu(text: str, field: str) -> int | None:
    return int(cpu_of(text, field) * _SECOND) if text else None


def _memory(text: str, field: str) -> int | None:
    return container_memory(text, field) if text else None
