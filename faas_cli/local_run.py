"""Running one function in the foreground: its image behind a watchdog, on a port of this machine, with no gateway."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faas_cli.errors import FaasError
from faas_cli.quantity import cpu_cores, memory_bytes
from faas_cli.stack.loader import environment_of
from faas_cli.stack.model import Function, Resources
from faas_runtime.api import DEFAULT_NAMESPACE, SECRETS_PATH
from faas_runtime.imagestore import ImageInfo, ImageNotFound, ImageStore
from faas_runtime.toolpaths import search_path
from faas_runtime.watchdog import watchdog_binary

SECRETS = Path(".secrets")
WATCHDOG_PORT = 8080
"""Port of the watchdog inside a container."""
_LEAST_MEMORY = 6 * 1024 * 1024
"""Docker refuses to reserve less."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A command, its folder and what is added to our environment."""

    command: list[str]
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> int:
        """Run it on our own streams until it ends; returns its exit code."""
        environment = {**os.environ, **self.environment}
        with subprocess.Popen(self.command, cwd=self.folder, env=environment) as process:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    # The terminal has told the child as well; it drains, and then it is over.
                    process.terminate()


def plan_process(
    function: Function, image: str, port: int, extra: Mapping[str, str], store: ImageStore, roots: Path
) -> RunPlan:
    """How to run an image of the local store as a process. Raises ImageNotFound, FaasError."""
    info = store.resolve(image)
    root = store.unpack(info.digest, roots)
    environment = {
        **{key: value for key, value in info.env.items() if key != "PATH"},
        **function_environment(function, extra),
        "PATH": search_path(),
        "port": str(port),
        "metrics_port": "off",
        "healthcheck_interval": "0",
        "secret_mount_path": str(_secrets(function).resolve()),
    }
    environment |= _own_port(info)
    folder = root / info.working_dir.lstrip("/")
    return RunPlan([str(watchdog_binary())], folder, environment)


def plan_container(function: Function, image: str, port: int, extra: Mapping[str, str], network: str) -> RunPlan:
    """How to run an image with Docker. Raises FaasError when a secret is not there."""
    command = ["docker", "run", "--name", function.name, "--rm", "-i", f"-p={port}:{WATCHDOG_PORT}"]
    if network:
        command.append(f"--network={network}")
    for key, value in function_environment(function, extra).items():
        command.append(f"-e={key}={value}")
    if function.readonly_root_filesystem:
        command.append("--read-only")
    command += _limits(function)
    if function.secrets:
        command.append(f"--volume={_secrets(function).resolve()}:{SECRETS_PATH}")
    return RunPlan([*command, image])


def _limits(function: Function) -> list[str]:
    """Docker's flags for the function's memory and CPU."""
    limits, requests = function.limits or Resources(), function.requests or Resources()
    memory, cpu = requests.memory or limits.memory, limits.cpu or requests.cpu
    try:
        flags = [f"--memory-reservation={max(memory_bytes(memory), _LEAST_MEMORY)}"] if memory else []
        return [*flags, f"--cpus={cpu_cores(cpu):f}"] if cpu else flags
    except ValueError as err:
        raise FaasError(f"`{function.name}`: {err}") from None


def function_environment(function: Function, extra: Mapping[str, str]) -> dict[str, str]:
    """The stack's environment, its environment files, what was typed, and who the function is."""
    environment = dict(function.environment)
    for name in function.environment_file:
        environment |= environment_of(Path(name))
    environment |= extra
    if function.fprocess:
        environment["fprocess"] = function.fprocess
    return {
        **environment,
        "OPENFAAS_NAME": function.name,
        "OPENFAAS_NAMESPACE": function.namespace or DEFAULT_NAMESPACE,
        "jwt_auth_local": "true",
    }


def in_store(image: str, store: ImageStore) -> bool:
    """Whether the image was built without an engine."""
    try:
        store.digest_of(image)
    except ImageNotFound:
        return False
    return True


def _secrets(function: Function) -> Path:
    missing = [name for name in function.secrets if not (SECRETS / name).is_file()]
    if missing:
        raise FaasError(
            f"`{function.name}` needs secrets that are not in `{SECRETS}`: {', '.join(missing)}",
            hint=f"write each into a file: {SECRETS}/{missing[0]}",
        )
    return SECRETS


def _own_port(info: ImageInfo) -> dict[str, str]:
    """A free port for a function that serves HTTP itself, so that it does not meet another one's."""
    import socket

    variable = info.labels.get("io.faas.upstream-port-env")
    if not variable:
        return {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {variable: str(port), "upstream_url": f"http://127.0.0.1:{port}"}
