"""From a function of a stack, and the options of the command line, to the deployment a gateway receives."""

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
from faas_runtime.core.isolation import check_wishes

_TIMEOUTS = ("exec_timeout", "read_timeout", "write_timeout")

# Our own keys of the stack file travel as annotations, which every gateway keeps.
ANNOTATION_PREFIX = "com.faas."


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """What the command line adds to the stack file, and how to deploy."""

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
    update: bool = True
    """Update a function that exists, without failing calls."""
    replace: bool = False
    """Remove a function that exists first."""
    strict: bool = False
    """Refuse to deploy what the gateway would ignore or not enforce."""
    timeout: float = 60.0
    """Seconds to wait for the gateway's answer to a request."""


def deployment_of(function: Function, options: DeployOptions, project: Path = Path()) -> FunctionDeployment:
    """The deployment of one function; a typed option wins over the stack file, key by key.

    Raises FaasError: an environment file that cannot be read, a tag git cannot make, an invalid duration,
    contradictory settings.
    """
    environment = _environment(function, options, project)
    _refuse_contradictions(function, environment)
    constraints = function.constraints if function.constraints is not None else list(options.constraints)
    return FunctionDeployment(
        service=function.name,
        image=image_reference(function, options.tag, project) if options.tag else function.image,
        namespace=namespace_of(options.namespace, function.namespace),
        env_process=_process(function, options, project),
        env_vars=environment,
        constraints=constraints,
        secrets=[name for name in dict.fromkeys([*options.secrets, *function.secrets]) if name],
        labels={**(function.labels or {}), **options.labels},
        annotations={**_own_keys(function), **(function.annotations or {}), **options.annotations},
        limits=_resources(function.limits),
        requests=_resources(function.requests),
        read_only_root_filesystem=function.readonly_root_filesystem or options.readonly,
    )


def _environment(function: Function, options: DeployOptions, project: Path) -> dict[str, str]:
    environment = dict(function.environment)
    for name in function.environment_file:
        try:
            environment |= environment_of(project / name)
        except StackError as err:
            raise FaasError(
                f"`{function.name}`: `environment_file`: {err.message}",
                hint="name it from the folder of the stack file",
            ) from None
    return environment | dict(options.environment)


def _process(function: Function, options: DeployOptions, project: Path) -> str:
    """The stack file's process, else the template's; images we built contain theirs."""
    if function.fprocess or not options.read_template or not function.lang or function.lang.lower() == "dockerfile":
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
    found |= _isolation(function)
    return found


def _isolation(function: Function) -> dict[str, str]:
    """The keys about isolation as annotations. Raises UsageError for a value that means nothing."""
    keys = {"isolation": function.isolation, "network": function.network, "egress": ",".join(function.egress)}
    found = {ANNOTATION_PREFIX + key: value for key, value in keys.items() if value}
    try:
        check_wishes({**(function.annotations or {}), **found})
    except ValueError as err:
        raise UsageError(f"`{function.name}`: {err}") from None
    return found


def _refuse_contradictions(function: Function, environment: Mapping[str, str]) -> None:
    """One of our keys and a variable of the watchdog that it stands for: the smaller one would win silently."""
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
