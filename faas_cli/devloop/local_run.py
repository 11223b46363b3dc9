"""Running one function in the foreground: its image behind a watchdog, on a port of this machine, with no gateway."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from faas_cli.console import current_console
from faas_cli.deployment.secrets import SECRETS_FOLDER
from faas_cli.devloop.foreground import RunPlan, free_port
from faas_cli.errors import FaasError, UsageError
from faas_cli.images.builders.engine import engine_command
from faas_cli.images.plan import template_of
from faas_cli.images.push import in_store
from faas_cli.images.tags import image_reference
from faas_cli.stack.loader import environment_of
from faas_cli.stack.model import Function, Resources, Stack
from faas_cli.stack.select import select
from faas_runtime.core.api import DEFAULT_NAMESPACE, SECRETS_PATH
from faas_runtime.core.paths import default_state_dir, images_dir, search_path, watchdog_binary
from faas_runtime.core.quantities import MIN_MEMORY_BYTES, cpu_cores, memory_bytes
from faas_runtime.images.interpreter import NotRunnable, choose_interpreter
from faas_runtime.images.store import ImageInfo, ImageStore

WATCHDOG_PORT = 8080
"""Port of the watchdog inside a container."""


def plan_process(
    function: Function, image: str, port: int, extra: Mapping[str, str], store: ImageStore, roots: Path
) -> RunPlan:
    """How to run an image of the local store as a process. Raises ImageNotFound, FaasError."""
    info = store.resolve(image)
    try:
        interpreter = choose_interpreter(info.labels, info.annotations)
    except NotRunnable as missing:
        raise FaasError(f"`{image}` cannot run as a process here: {missing}") from None
    root = store.unpack(info.digest, roots, local=interpreter.local)
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
    if environment.get("fprocess"):
        environment["fprocess"] = interpreter.command(environment["fprocess"])
    folder = root / info.working_dir.lstrip("/")
    return RunPlan([str(watchdog_binary())], folder, environment, takes_listener=True, python=interpreter.python)


def plan_container(function: Function, image: str, port: int, extra: Mapping[str, str], network: str) -> RunPlan:
    """How to run an image in the engine that builds use. Raises FaasError when a secret is missing."""
    engine = engine_command()
    command = [*engine, "run", "--name", function.name, "--rm", "-i", f"-p={port}:{WATCHDOG_PORT}"]
    if network:
        command.append(f"--network={network}")
    for key, value in function_environment(function, extra).items():
        command.append(f"-e={key}={value}")
    if function.readonly_root_filesystem:
        command.append("--read-only")
    command += _limits(function)
    if function.secrets:
        command.append(f"--volume={_secrets(function).resolve()}:{SECRETS_PATH}")
    # A killed run may have left a container of this name.
    return RunPlan([*command, image], clean_up=[*engine, "rm", "-f", function.name])


def _limits(function: Function) -> list[str]:
    """Docker's flags for the function's memory and CPU."""
    limits, requests = function.limits or Resources(), function.requests or Resources()
    memory, cpu = requests.memory or limits.memory, limits.cpu or requests.cpu
    try:
        size = memory_bytes(memory) if memory else 0
        if 0 < size < MIN_MEMORY_BYTES:
            current_console().warning(f"`{function.name}`: memory `{memory}` is raised to 6Mi, Docker's minimum")
        flags = [f"--memory-reservation={max(size, MIN_MEMORY_BYTES)}"] if memory else []
        return [*flags, f"--cpus={cpu_cores(cpu):f}"] if cpu else flags
    except ValueError as err:
        raise FaasError(f"`{function.name}`: {err}") from None


def function_environment(function: Function, extra: Mapping[str, str]) -> dict[str, str]:
    """The stack's environment, its environment files, typed variables, and the function's name and namespace."""
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


class LocalRun:
    """Builds one function and plans how to run its image.

    `read` returns the stack and the function as they are on disk now; `build` builds it, reports a failure and
    returns whether it succeeded; with a `debug_port` the function runs under its debugger on that port.
    """

    def __init__(
        self,
        read: Callable[[], tuple[Stack, Function]],
        build: Callable[[Stack, Function], bool],
        say: Callable[[str], None],
        *,
        tag: str = "",
        extra: Mapping[str, str] | None = None,
        network: str = "",
        debug_port: int | None = None,
        project: Path = Path(),
    ) -> None:
        self._read, self._build, self._say = read, build, say
        self._tag, self._extra, self._network, self._project = tag, extra or {}, network, project
        self._debug_port = debug_port

    def watched(self) -> list[Path]:
        """The files and folders whose change needs another build and run."""
        stack, function = self._read()
        return [self._project / function.handler, *stack.files]

    def built(self, port: int) -> RunPlan | None:
        """Build the function and plan its run; None when the build failed, which is then reported."""
        stack, function = self._read()
        return self.plan(port) if self._build(stack, function) else None

    def plan(self, port: int) -> RunPlan:
        """How to run the image as it is. Raises FaasError."""
        stack, function = self._read()
        image = image_reference(function, self._tag, self._project)
        store = ImageStore(images_dir(default_state_dir()))
        if in_store(image, store):
            plan = plan_process(function, image, port, self._extra, store, default_state_dir() / "local-run")
        elif self._debug_port is None:
            plan = plan_container(function, image, port, self._extra, self._network)
        else:
            raise FaasError(
                f"`{image}` is a container image; debugging needs a local process",
                hint="build it without an engine: `faas local-run --debug --builder oci`",
            )
        self._say(f"Image: {image}\nStarting local-run for: {function.name} on: http://127.0.0.1:{port}\n")
        return plan if self._debug_port is None else self._debugged(stack, function, plan, self._debug_port)

    def _debugged(self, stack: Stack, function: Function, plan: RunPlan, port: int) -> RunPlan:
        from faas_cli.devloop.debugger import debug_plan, write_launch_entry

        template = template_of(function, self._project, stack)
        context = self._project / "build" / function.name
        state = default_state_dir() / "debug"
        plan, entry = debug_plan(plan, function, template, context, port, state, self._say)
        written = write_launch_entry(self._project, entry)
        where = f"`{entry['name']}` in {written}" if written else f"this launch entry: {json.dumps(entry)}"
        self._say(f"debugger: 127.0.0.1:{port}; calls wait until your editor attaches; use {where}")
        return plan


def only_function(stack: Stack, pattern: str, regex: str) -> Function:
    """The one function these select. Raises UsageError when there are several, StackError when there is none."""
    functions = select(stack, pattern, regex)
    if len(functions) > 1:
        names = ", ".join(function.name for function in functions)
        raise UsageError(f"several functions match: {names}", hint="faas local-run NAME")
    return functions[0]


def _secrets(function: Function) -> Path:
    missing = [name for name in function.secrets if not (SECRETS_FOLDER / name).is_file()]
    if missing:
        raise FaasError(
            f"`{function.name}` needs secrets that are not in `{SECRETS_FOLDER}`: {', '.join(missing)}",
            hint=f"write each to a file: {SECRETS_FOLDER}/{missing[0]}",
        )
    return SECRETS_FOLDER


def _own_port(info: ImageInfo) -> dict[str, str]:
    """A free port for a function that serves HTTP itself, so that two functions do not collide."""
    variable = info.labels.get("io.faas.upstream-port-env")
    if not variable:
        return {}
    port = free_port()
    return {variable: str(port), "upstream_url": f"http://127.0.0.1:{port}"}
