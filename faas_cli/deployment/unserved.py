"""Settings of a deployment that have no effect, or another one, with the gateway it is sent to."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from faas_cli.errors import FaasError, GatewayError
from faas_runtime.core.api import SCHEDULE_TOPIC, SECRETS_PATH
from faas_runtime.core.enforcement import DOCKER, PROCESS, READ_ONLY_ROOT, SWARM, not_enforced
from faas_runtime.core.isolation import ISOLATION_ANNOTATION, NAMESPACES, NONE
from faas_runtime.core.quantities import MIN_MEMORY_BYTES, memory_bytes

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient
    from faas_runtime.core.api import FunctionDeployment, MachineIsolation, ProviderInfo

_ENGINES = {PROCESS: "the process engine", DOCKER: "the Docker engine", SWARM: "the Swarm engine"}


def unserved(client: GatewayClient, deployments: Sequence[FunctionDeployment], *, strict: bool = False) -> list[str]:
    """What has no effect with this gateway, one sentence each with function, setting and reason.

    The gateway is asked for its engine only when a deployment has such settings. One of another project is not judged.
    Raises FaasError, with `strict`, when there is something to report; GatewayError when the gateway must be asked
    and does not answer.
    """
    # A setting is in doubt if any engine of ours does not serve it.
    if not any(_reasons(each, engine) for each in deployments for engine in _ENGINES):
        return []
    try:
        provider = client.info().provider
    except GatewayError:
        if strict:
            raise
        # The deployment itself reports a gateway that does not answer.
        return []
    engine = _own_engine(provider)
    found = [
        f"`{each.service}`: {reason}" for each in deployments for reason in _reasons(each, engine, provider.isolation)
    ]
    if found and strict:
        raise FaasError(
            "\n".join(found), hint="nothing is deployed; remove these settings, or deploy without `--strict`"
        )
    return found


def _own_engine(provider: ProviderInfo) -> str:
    """The provider's name if it is an engine of this project, else empty."""
    # OpenFaaS has a provider `faas-swarm`, too; its orchestration is `swarm`, ours the engine's name and version.
    original = provider.provider == SWARM and provider.orchestration.lower() == "swarm"
    return provider.provider if provider.provider in _ENGINES and not original else ""


def _enforced(deployment: FunctionDeployment, machine: MachineIsolation | UnsetType) -> list[str]:
    """What a process engine enforces on its machine for this deployment."""
    if not machine:
        return []
    return [*machine.limits, *([READ_ONLY_ROOT] if _has_own_root(deployment, machine) else [])]


def _has_own_root(deployment: FunctionDeployment, machine: MachineIsolation | UnsetType) -> bool:
    """Whether a process engine gives this function a root file system of its own."""
    if not machine:
        return False
    wish = (deployment.annotations or {}).get(ISOLATION_ANNOTATION) or machine.wish
    return machine.level == NAMESPACES and wish != NONE


def _reasons(deployment: FunctionDeployment, engine: str, machine: MachineIsolation | UnsetType = UNSET) -> list[str]:
    if not engine:
        return []
    settings = not_enforced(deployment, engine, _enforced(deployment, machine))
    found = [f"`{setting}` is not enforced by {_ENGINES[engine]}" for setting in settings]
    if engine != PROCESS:
        found += _raised(deployment)
    elif deployment.secrets and not _has_own_root(deployment, machine):
        found.append(
            f"`secrets` are not in {SECRETS_PATH} without a root file system of its own, "
            "but in the folder that the variable `secret_mount_path` names"
        )
    annotations = deployment.annotations or {}
    topics = [name for text in annotations.get("topic", "").split(",") if (name := text.strip())]
    for topic in topics:
        if topic != SCHEDULE_TOPIC:
            found.append(
                f"annotation `topic: {topic}` has no effect: the gateway serves `{SCHEDULE_TOPIC}` only, "
                "another topic needs a connector of its own"
            )
    schedule = annotations.get("schedule", "")
    if schedule and SCHEDULE_TOPIC not in topics:
        found.append(f"annotation `schedule: {schedule}` has no effect without `topic: {SCHEDULE_TOPIC}`")
    if not schedule and SCHEDULE_TOPIC in topics:
        found.append(f"annotation `topic: {SCHEDULE_TOPIC}` has no effect without `schedule`")
    return found


def _raised(deployment: FunctionDeployment) -> list[str]:
    found = []
    for kind, resources in (("limits", deployment.limits), ("requests", deployment.requests)):
        memory = resources.memory if resources is not None else ""
        with contextlib.suppress(ValueError):  # the gateway refuses it, with a reason
            if memory and 0 < memory_bytes(memory) < MIN_MEMORY_BYTES:
                found.append(f"`{kind}.memory: {memory}` is raised to 6Mi, Docker's minimum")
    return found
