"""From a deployment to the arguments of the engine's `create` call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faas_runtime.core.api import DEFAULT_NAMESPACE, SECRETS_PATH, FunctionDeployment
from faas_runtime.core.container_rights import ContainerRights
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.annotations import function_environment
from faas_runtime.providers.common.docker_api import WATCHDOG_PORT, container_memory, memory_limit
from faas_runtime.providers.common.limits import cpu_of

INSTANCE_LABEL = "io.faas.gateway"
"""The gateway instance a container belongs to; others are never touched."""
FUNCTION_LABEL = "io.faas.function"
NAMESPACE_LABEL = "io.faas.namespace"
VERSION_LABEL = "io.faas.version"

_DRAIN_WINDOW = "250ms"


def container_config(
    deployment: FunctionDeployment,
    image: str,
    labels: Mapping[str, str],
    network: str,
    secrets: str,
    rights: ContainerRights,
    *,
    published: bool = True,
) -> dict[str, Any]:
    """Arguments of the engine's `create` call; `secrets` is the folder to show the function, empty for none.

    A function that is not `published` is reached only at its address on the network. Raises Invalid.
    """
    return {
        "image": image,
        "environment": function_environment(deployment, _DRAIN_WINDOW),
        "labels": {**(deployment.labels or {}), **labels},
        "network": network,
        "ports": {f"{WATCHDOG_PORT}/tcp": ("127.0.0.1", None)} if published else {},
        "read_only": rights.read_only_root,
        # For the watchdog's lock file and the function's temporary files.
        "tmpfs": {"/tmp": "mode=1777"} if rights.read_only_root else {},  # noqa: S108
        "volumes": {secrets: {"bind": SECRETS_PATH, "mode": "ro"}} if secrets else {},
        "cap_drop": ["ALL"],
        "cap_add": list(rights.capabilities),
        "security_opt": [] if rights.new_privileges else ["no-new-privileges"],
        "init": False,
        **({"pids_limit": rights.pids} if rights.pids else {}),
        **_resources(deployment, rights.memory),
    }


def network_of(base: str, namespace: str) -> str:
    """The network of a namespace's functions, which reach the others of their namespace and no other functions."""
    return base if namespace == DEFAULT_NAMESPACE else f"{base}-{namespace}"


def labels_of(key: FunctionKey, version: str, instance: str) -> dict[str, str]:
    """The labels by which a gateway finds its containers."""
    return {INSTANCE_LABEL: instance, FUNCTION_LABEL: key.name, NAMESPACE_LABEL: key.namespace, VERSION_LABEL: version}


def _resources(deployment: FunctionDeployment, default: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    limits, requests = deployment.limits, deployment.requests
    if (limit := memory_limit(deployment, default)) is not None:
        found["mem_limit"] = limit
    if limits is not None and limits.cpu:
        found["nano_cpus"] = int(cpu_of(limits.cpu, "limits.cpu") * 1_000_000_000)
    if requests is not None and requests.memory:
        found["mem_reservation"] = container_memory(requests.memory, "requests.memory")
    if requests is not None and requests.cpu:
        found["cpu_shares"] = max(2, int(cpu_of(requests.cpu, "requests.cpu") * 1024))
    return found
