"""From a function of a stack, and the flags beside it, to what a gateway is told to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faas_cli.errors import FaasError, StackError, UsageError
from faas_cli.gateway.credentials import namespace_of
from faas_cli.images.tags import image_reference
from faas_cli.stack.loader import environment_of
from faas_cli.stack.model import Function, Resources
from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.durations import duration_or_none, parse_duration

_TIMEOUTS = ("exec_timeout", "read_timeout", "write_timeout")

# Our own keys of the stack file travel as annotations, which every gateway keeps.
ANNOTATION_PREFIX = "com.faas."


@dataclass(frozen=True, slots=True)
class DeployFlags:
    """What the command line adds to the stack file."""

    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    constraints: Sequence[str] = ()
    secrets: Sequence[str] = ()
    readonly: bool = False
    namespace: str = ""
    tag: str = "latest"
    """How the image's tag is made; empty leaves the image as it is written."""
    read_template: bool = True


def deployment_of(function: Function, flags: DeployFlags, project: Path = Path()) -> FunctionDeployment:
    """The deployment of one function; a typed flag wins over the stack file, key by key.

    Raises FaasError: an environment file that cannot be read, a tag git cannot make, a duration that is none,
    a setting that is given twice and not the same.
    """
    environment = _environment(function, flags, project)
    _refuse_contradictions(function, environment)
    constraints = function.constraints if function.constraints is not None else list(flags.constraints)
    return FunctionDeployment(
        service=function.name,
        image=image_reference(function, flags.tag, project) if flags.tag else function.image,
        namespace=namespace_of(flags.namespace, function.namespace),
        env_process=_process(function, flags, project),
        env_vars=environment,
        constraints=constraints,
        secrets=[name for name in dict.fromkeys([*flags.secrets, *function.secrets]) if name],
        labels={**(function.labels or {}), **flags.labels},
        annotations={**_own_keys(function), **(function.annotations or {}), **flags.annotations},
        limits=_resources(function.limits),
        requests=_resources(function.requests),
        read_only_root_filesystem=function.readonly_root_filesystem or flags.readonly,
    )


def _environment(function: Function, flags: DeployFlags, project: Path) -> dict[str, str]:
    environment = dict(function.environment)
    for name in function.environment_file:
        try:
            environment |= environment_of(project / name)
        except StackError as err:
            raise FaasError(
                f"`{function.name}`: `environment_file`: {err.message}",
                hint="name it from the folder of the stack file",
            ) from None
    return environment | dict(flags.environment)


def _process(function: Function, flags: DeployFlags, project: Path) -> str:
    """What the stack file says, else the template; an image built by us knows its process itself."""
    if function.fprocess or not flags.read_template or not function.lang or function.lang.lower() == "dockerfile":
        return function.fprocess
    from faas_cli.templates.find import TemplateNotFound, find_template

    try:
        template = find_template(function.lang, project)
    except TemplateNotFound:
        if function.skip_build:
            return ""
        raise
    return template.fprocess


def _own_keys(function: Function) -> dict[str, str]:
    found: dict[str, str] = {}
    if function.timeout:
        try:
            parse_duration(function.timeout)
        except ValueError:
            raise FaasError(
                f"`{function.name}`: `timeout: {function.timeout}` is not a duration",
                hint="write for example `30s` or `1m30s`",
            ) from None
        # A bare number is in seconds, as in the watchdog's variables.
        bare = function.timeout.strip().replace(".", "", 1).isdigit()
        found[ANNOTATION_PREFIX + "timeout"] = f"{function.timeout.strip()}s" if bare else function.timeout
    if function.expose:
        if function.expose not in ("public", "internal"):
            raise UsageError(f"`{function.name}`: `expose: {function.expose}` must be `public` or `internal`")
        found[ANNOTATION_PREFIX + "expose"] = function.expose
    if function.concurrency:
        found[ANNOTATION_PREFIX + "concurrency"] = str(function.concurrency)
    return found


def _refuse_contradictions(function: Function, environment: Mapping[str, str]) -> None:
    """One of our keys and a variable of the watchdog that it stands for: the smaller one would win without a word."""
    pairs = [(f"timeout: {function.timeout}", name) for name in _TIMEOUTS if function.timeout]
    if function.concurrency:
        pairs.append((f"concurrency: {function.concurrency}", "max_inflight"))
    for key, name in pairs:
        if name in environment and _value(environment[name]) != _value(key.partition(": ")[2]):
            raise UsageError(
                f"`{function.name}`: `{key}` and the variable `{name}: {environment[name]}` contradict each other",
                hint=f"remove `{name}` from the environment: it follows from `{key.partition(':')[0]}`",
            )


def _value(text: str) -> float | str:
    return text if (seconds := duration_or_none(text)) is None else seconds


def _resources(resources: Resources | None) -> FunctionResources | None:
    if resources is None or not (resources.memory or resources.cpu):
        return None
    return FunctionResources(memory=resources.memory, cpu=resources.cpu)
