"""What an engine reports about a function: its status, and where its calls go."""

from __future__ import annotations

from collections.abc import Iterable

from faas_runtime.core.api import NAME_LABEL, FunctionDeployment, FunctionIsolation, FunctionStatus, FunctionUsage
from faas_runtime.core.errors import NotFound
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate
from faas_runtime.providers.common.annotations import accepted_timeout, auth_rule, is_internal


def status_of(
    deployment: FunctionDeployment,
    *,
    replicas: int,
    available: int,
    created_at: str,
    usage: FunctionUsage | None = None,
    isolation: FunctionIsolation | None = None,
) -> FunctionStatus:
    """The deployment as it was sent, and how it runs: `available` of the desired `replicas` are ready.

    The label `faas_function` is added, as OpenFaaS does on Kubernetes: tools select functions by it.
    """
    return FunctionStatus(
        name=deployment.service,
        image=deployment.image,
        namespace=deployment.namespace,
        env_process=deployment.env_process,
        env_vars=deployment.env_vars,
        constraints=deployment.constraints,
        secrets=deployment.secrets,
        labels={**(deployment.labels or {}), NAME_LABEL: deployment.service},
        annotations=deployment.annotations,
        limits=deployment.limits,
        requests=deployment.requests,
        read_only_root_filesystem=deployment.read_only_root_filesystem,
        replicas=replicas,
        available_replicas=available,
        created_at=created_at,
        usage=usage,
        isolation=isolation,
    )


def route_of(deployment: FunctionDeployment, endpoints: Iterable[Endpoint], replicas: int) -> RouteUpdate:
    """Where a function's calls go: to the ready `endpoints`, in a stable order, of the desired `replicas`."""
    return RouteUpdate(
        key=key_of(deployment),
        endpoints=tuple(sorted(endpoints, key=lambda each: each.instance)),
        replicas=replicas,
        timeout=accepted_timeout(deployment),
        internal=is_internal(deployment),
        auth=auth_rule(deployment),
    )


def key_of(deployment: FunctionDeployment) -> FunctionKey:
    """Name and namespace of a deployment."""
    return FunctionKey(deployment.service, deployment.namespace)


def unknown_function(key: FunctionKey) -> NotFound:
    """The fault of a function that does not exist."""
    return NotFound(f"there is no function `{key.name}` in namespace `{key.namespace}`")
