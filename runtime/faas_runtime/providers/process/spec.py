"""What one replica of a function is made of: everything is found and checked before a process starts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from faas_runtime.core.api import SECRETS_PATH, FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.core.isolation import LANDLOCK, NAMESPACES
from faas_runtime.core.paths import search_path
from faas_runtime.images.interpreter import PLAIN, Interpreter, NotRunnable, choose_interpreter
from faas_runtime.images.store import ImageInfo, ImageNotFound, ImageStore
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.annotations import function_environment
from faas_runtime.providers.common.limits import check_resources
from faas_runtime.providers.common.readiness import OWN_WATCHDOG, Probe, accepted_probe
from faas_runtime.providers.common.secrets import SecretStore
from faas_runtime.providers.common.status import key_of
from faas_runtime.providers.common.store import NamespaceStore
from faas_runtime.providers.process.isolation import NOT_ISOLATED, Isolation, MachineOffer, choose
from faas_runtime.providers.process.toolpaths import (
    closed_to_others,
    command_in,
    folders_to_show,
    has_base,
    open_to_others,
    python_at,
)

PORT_LABEL = "io.faas.upstream-port-env"
"""Image label: name of the variable in which an http-mode function expects its port."""

# A call in the watchdog's queue at the moment of SIGTERM is still served.
_DRAIN_WINDOW = "250ms"


@dataclass(frozen=True, slots=True)
class ReplicaSpec:
    """Everything needed to start a replica of one version of a function.

    `environment` is complete but for what differs between replicas (ports, folders); `working_dir` is a path as the
    function sees it. `show` are the paths of this machine that it sees beside its image.
    `port_variable` is empty unless the function needs a port of its own.
    """

    key: FunctionKey
    digest: str
    rootfs: Path
    working_dir: Path
    environment: Mapping[str, str]
    port_variable: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    probe: Probe = OWN_WATCHDOG
    isolation: Isolation = NOT_ISOLATED
    show: tuple[str, ...] = ()


class Preparer:
    """Makes specs of deployments: finds image and secrets, and unpacks the image below `rootfs`."""

    def __init__(self, images: ImageStore, rootfs: Path, secrets: SecretStore, namespaces: NamespaceStore) -> None:
        self.machine = MachineOffer()
        """What this machine offers, once that is known."""
        self._images = images
        self._rootfs = rootfs
        self._secrets = secrets
        self._namespaces = namespaces

    async def spec(self, deployment: FunctionDeployment) -> ReplicaSpec:
        """The spec of a new deployment, which pins the image's digest. Raises Invalid."""
        self._namespaces.check(deployment.namespace)
        check_resources(deployment)
        try:
            image = await asyncio.to_thread(self._images.resolve, deployment.image)
        except ImageNotFound:
            raise Invalid(
                f"image `{deployment.image}` is not in the local store: the process engine only runs images that "
                "`faas build --builder oci` makes; for one that only Docker has, `faas gateway start --engine docker`"
            ) from None
        return await self._spec(deployment, image)

    async def spec_of(self, deployment: FunctionDeployment, digest: str) -> ReplicaSpec:
        """The spec of a deployment that was accepted earlier, with the image it had. Raises Invalid."""
        try:
            image = await asyncio.to_thread(self._images.resolve_digest, digest)
        except ImageNotFound as missing:
            raise Invalid(f"{missing}: build and deploy the function again") from None
        return await self._spec(deployment, image)

    async def _spec(self, deployment: FunctionDeployment, image: ImageInfo) -> ReplicaSpec:
        isolation = choose(deployment, self.machine)
        values = await asyncio.to_thread(self._secrets.values, list(deployment.secrets), deployment.namespace)
        try:
            interpreter = await asyncio.to_thread(choose_interpreter, image.labels, image.annotations)
            rootfs = await asyncio.to_thread(self._images.unpack, image.digest, self._rootfs, local=interpreter.local)
        except NotRunnable as missing:
            raise Invalid(f"image `{deployment.image}` cannot run as a process here: {missing}") from None
        except (OSError, ValueError, LookupError) as err:
            raise Invalid(f"image `{deployment.image}` cannot be unpacked: {err}") from None
        spec = build_spec(deployment, image, rootfs, values, interpreter, isolation)
        if isolation.own_user:
            await asyncio.to_thread(open_to_others, rootfs)
        return await asyncio.to_thread(with_tools, spec, self.machine.private)


def build_spec(
    deployment: FunctionDeployment,
    image: ImageInfo,
    rootfs: Path,
    secrets: Mapping[str, bytes],
    interpreter: Interpreter = PLAIN,
    isolation: Isolation = NOT_ISOLATED,
) -> ReplicaSpec:
    """The spec of a deployment's replicas. Raises Invalid when image and deployment name no process."""
    environment = function_environment(deployment, _DRAIN_WINDOW, {**_base_environment(), **image.env})
    if not environment.get("fprocess") and not environment.get("function_process"):
        raise Invalid(f"image `{deployment.image}` names no process to run: set `fprocess`")
    probe = accepted_probe(deployment, environment)
    for name in ("fprocess", "function_process"):
        if environment.get(name):
            environment[name] = interpreter.command(environment[name])
    environment["metrics_port"] = "off"
    root = Path("/") if isolation.inside else rootfs
    environment["FAAS_ROOTFS"] = str(root)
    return ReplicaSpec(
        key=key_of(deployment),
        digest=image.digest,
        rootfs=rootfs,
        working_dir=_inside(root, image.working_dir),
        environment=environment,
        port_variable=_port_variable(image, environment),
        secrets=secrets,
        probe=replace(probe, path=probe.path or OWN_WATCHDOG.path, timeout=OWN_WATCHDOG.timeout),
        isolation=isolation,
    )


def with_tools(spec: ReplicaSpec, private: Iterable[Path]) -> ReplicaSpec:
    """The spec with the paths of this machine that the function needs, if it does not see all of them. Blocking."""
    if spec.isolation.level not in (NAMESPACES, LANDLOCK) or (spec.isolation.inside and has_base(spec.rootfs)):
        return spec
    environment = dict(spec.environment)
    for name in ("fprocess", "function_process"):
        if environment.get(name):
            environment[name] = command_in(environment[name])
    # Scripts on PATH that choose an interpreter (pyenv) are not visible: what they would choose comes first.
    python = python_at("python3")
    if python and "PATH" in environment:
        environment["PATH"] = f"{Path(python[0]).parent}{os.pathsep}{environment['PATH']}"
    command = environment.get("fprocess") or environment.get("function_process") or ""
    show = folders_to_show(command, private)
    isolation = spec.isolation
    closed = next((folder for folder in show if closed_to_others(Path(folder))), "") if isolation.own_user else ""
    if closed:
        reason = f"own user number: only its owner can open {closed}, where an interpreter is"
        isolation = replace(isolation, own_user=False, missing=(*isolation.missing, reason))
    return replace(spec, environment=environment, show=tuple(show), isolation=isolation)


def needs_fixed_port(spec: ReplicaSpec) -> bool:
    """Whether every replica of this image listens on one and the same port, so that only one can run here."""
    mode = spec.environment.get("mode", "")
    upstream = spec.environment.get("upstream_url") or spec.environment.get("http_upstream_url")
    # With the guard each replica has a loopback address of its own, without a shared network all of them.
    alone = spec.isolation.guard or spec.isolation.network == "none"
    return mode == "http" and bool(upstream) and not spec.port_variable and not alone


def refuse_more_than_one(spec: ReplicaSpec, replicas: int) -> None:
    """Raises Invalid when the image's fixed port allows only one replica on this machine."""
    if replicas > 1 and needs_fixed_port(spec):
        raise Invalid(
            f"`{spec.key.name}` cannot have {replicas} replicas on one machine: its image listens on a fixed port; "
            f"build it with the label `{PORT_LABEL}` naming the variable that holds its port"
        )


def _base_environment() -> dict[str, str]:
    return {"PATH": search_path(), "LANG": os.environ.get("LANG", "C.UTF-8"), "secret_mount_path": SECRETS_PATH}


def _port_variable(image: ImageInfo, environment: Mapping[str, str]) -> str:
    return image.labels.get(PORT_LABEL, "") if environment.get("mode", "") == "http" else ""


def _inside(rootfs: Path, working_dir: str) -> Path:
    parts = [part for part in working_dir.split("/") if part not in ("", ".", "..")]
    return rootfs.joinpath(*parts)
