"""What an engine of ours tells about a function: its deployment as it was sent, and how it runs."""

from __future__ import annotations

from faas_runtime.core.api import FunctionDeployment, FunctionStatus, FunctionUsage


def status_of(
    deployment: FunctionDeployment,
    *,
    replicas: int,
    available: int,
    created_at: str,
    usage: FunctionUsage | None = None,
) -> FunctionStatus:
    """As the control room shows it; `available` of the `replicas` wanted take calls."""
    return FunctionStatus(
        name=deployment.service,
        image=deployment.image,
        namespace=deployment.namespace,
        env_process=deployment.env_process,
        env_vars=deployment.env_vars,
        constraints=deployment.constraints,
        secrets=deployment.secrets,
        labels=deployment.labels,
        annotations=deployment.annotations,
        limits=deployment.limits,
        requests=deployment.requests,
        read_only_root_filesystem=deployment.read_only_root_filesystem,
        replicas=replicas,
        available_replicas=available,
        created_at=created_at,
        usage=usage,
    )
