"""What one replica of a function is made of, worked out once for each deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_runtime.core.api import SECRETS_PATH, FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.core.paths import search_path
from faas_runtime.images.store import ImageInfo
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.annotations import watchdog_settings

PORT_LABEL = "io.faas.upstream-port-env"
"""Image label: name of the variable that tells an http-mode function its port."""

# A call in the watchdog's queue at the moment it is told to stop is still served.
_DRAIN_WINDOW = "250ms"


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """Everything needed to start a replica of one version of a function.

    `environment` is complete but for what differs between replicas (ports, folders).
    `port_variable` is empty unless the function needs a port of its own.
    """

    key: FunctionKey
    digest: str
    rootfs: Path
    working_dir: Path
    environment: Mapping[str, str]
    port_variable: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def build_spec(
    deployment: FunctionDeployment,
    image: ImageInfo,
    rootfs: Path,
    secrets: Mapping[str, bytes],
) -> ReplicaSpec:
    """The spec of a deployment's replicas. Raises Invalid when image and deployment name no process."""
    environment = {**_base_environment(), **image.env, **deployment.env_vars}
    if deployment.env_process:
        environment["fprocess"] = deployment.env_process
    if not environment.get("fprocess") and not environment.get("function_process"):
        raise Invalid(f"image `{deployment.image}` names no process to run: set `fprocess`")
    environment |= watchdog_settings(deployment)
    environment.setdefault("healthcheck_interval", _DRAIN_WINDOW)
    environment["metrics_port"] = "off"
    environment["FAAS_ROOTFS"] = str(rootfs)
    environment["OPENFAAS_NAME"] = deployment.service
    environment["OPENFAAS_NAMESPACE"] = deployment.namespace
    return ReplicaSpec(
        key=FunctionKey(deployment.service, deployment.namespace),
        digest=image.digest,
        rootfs=rootfs,
        working_dir=_inside(rootfs, image.working_dir),
        environment=environment,
        port_variable=_port_variable(image, environment),
        secrets=secrets,
    )


def needs_fixed_port(spec: ReplicaSpec) -> bool:
    """Whether every replica of this image listens on one and the same port, so that only one can run here."""
    mode = spec.environment.get("mode", "")
    upstream = spec.environment.get("upstream_url") or spec.environment.get("http_upstream_url")
    return mode == "http" and bool(upstream) and not spec.port_variable


def refuse_more_than_one(spec: ReplicaSpec, replicas: int) -> None:
    """Raises Invalid when the image's fixed port allows only one replica on this machine."""
    if replicas > 1 and needs_fixed_port(spec):
        raise Invalid(
            f"`{spec.key.name}` cannot have {replicas} replicas on one machine: its image listens on a fixed port; "
            f"build it with the label `{PORT_LABEL}` naming the variable that tells it its port"
        )


def _base_environment() -> dict[str, str]:
    return {"PATH": search_path(), "LANG": os.environ.get("LANG", "C.UTF-8"), "secret_mount_path": SECRETS_PATH}


def _port_variable(image: ImageInfo, environment: Mapping[str, str]) -> str:
    return image.labels.get(PORT_LABEL, "") if environment.get("mode", "") == "http" else ""


def _inside(rootfs: Path, working_dir: str) -> Path:
    parts = [part for part in working_dir.split("/") if part not in ("", ".", "..")]
    return rootfs.joinpath(*parts)
