"""What the engines do not enforce, known to the engines and to the command line."""

from __future__ import annotations

from collections.abc import Collection

from faas_runtime.core.api import FunctionDeployment

PROCESS, DOCKER, SWARM = "faas-process", "faas-docker", "faas-swarm"
"""Names of this project's providers in `/system/info`."""


READ_ONLY_ROOT = "read-only root"
"""Among what a process engine enforces, beside `memory` and `cpu`."""


def not_enforced(deployment: FunctionDeployment, provider: str, enforced: Collection[str] = ()) -> list[str]:
    """The settings of a deployment that this provider does not enforce, each as `key: value` of a stack file.

    `enforced` is what a process engine enforces on its machine: some of `memory`, `cpu` and `READ_ONLY_ROOT`.
    """
    found = []
    limits = deployment.limits
    if provider == PROCESS and limits is not None:
        if limits.memory and "memory" not in enforced:
            found.append(f"limits.memory: {limits.memory}")
        if limits.cpu and "cpu" not in enforced:
            found.append(f"limits.cpu: {limits.cpu}")
    if provider == PROCESS and deployment.read_only_root_filesystem and READ_ONLY_ROOT not in enforced:
        found.append("readonly_root_filesystem: true")
    if provider in (PROCESS, DOCKER) and deployment.constraints:
        found.append(f"constraints: [{', '.join(deployment.constraints)}]")
    return found
