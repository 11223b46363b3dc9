"""The options that say how to deploy."""

from __future__ import annotations

from dataclasses import dataclass

from faas_cli.deployment.request import DeployOptions
from faas_cli.errors import UsageError
from faas_cli.options.gateway import stack_namespace_option
from faas_cli.options.syntax import Duration, Pair, gathered, option, switch
from faas_cli.stack.model import Resources

_DEPLOY, _RESOURCES = "Deploy options", "Resource options"


def _options(
    *,
    environment: tuple[tuple[str, str], ...],
    labels: tuple[tuple[str, str], ...],
    annotations: tuple[tuple[str, str], ...],
    update: bool,
    replace: bool,
    **same: object,
) -> DeployOptions:
    if replace and update:
        raise UsageError("`--replace` and `--update` exclude each other", hint="add `--update=false`")
    return DeployOptions(
        environment=dict(environment),
        labels=dict(labels),
        annotations=dict(annotations),
        update=update,
        replace=replace,
        **same,  # type: ignore[arg-type]
    )


deploy_options = gathered(
    "deploy",
    _options,
    option("-e", "--env", "environment", type=Pair(), multiple=True, section=_DEPLOY, help="Environment variable."),
    option("-l", "--label", "labels", type=Pair(), multiple=True, section=_DEPLOY, help="Label."),
    option("--annotation", "annotations", type=Pair(), multiple=True, section=_DEPLOY, help="Annotation."),
    option("--constraint", "constraints", multiple=True, metavar="CONSTRAINT", section=_DEPLOY,
           help="Placement constraint."),
    option("--secret", "secrets", multiple=True, metavar="NAME", section=_DEPLOY, help="Secret the function may read."),
    switch("--readonly", section=_DEPLOY, help="Read-only file system."),
    switch("--update", default=True, section=_DEPLOY, help="Update an existing function without failing calls."),
    switch("--replace", section=_DEPLOY, help="Remove an existing function first (with --update=false)."),
    switch("--strict", section=_DEPLOY, help="Refuse settings that this gateway ignores or cannot enforce."),
    switch("--read-template", default=True, section=_DEPLOY, help="Read the function's process from its template."),
    option("--timeout", type=Duration(), default="60s", show_default=True, section=_DEPLOY,
           help="Timeout of a request to the gateway."),
    stack_namespace_option,
)  # fmt: skip
"""The command receives `deploy`, a `DeployOptions`."""


@dataclass(frozen=True, slots=True)
class ResourceOptions:
    """Limits and requests of one function, as typed."""

    limits: Resources
    requests: Resources


def _resources(memory_limit: str, cpu_limit: str, memory_request: str, cpu_request: str) -> ResourceOptions:
    return ResourceOptions(
        limits=Resources(memory=memory_limit, cpu=cpu_limit),
        requests=Resources(memory=memory_request, cpu=cpu_request),
    )


resource_options = gathered(
    "resources",
    _resources,
    *(
        option(f"--{what}-{kind}", default="", metavar="QUANTITY", section=_RESOURCES,
               help=f"{text}, for example {like}.")
        for what, kind, text, like in (
            ("memory", "limit", "Memory limit", "128Mi"),
            ("cpu", "limit", "CPU limit", "100m"),
            ("memory", "request", "Memory to reserve", "64Mi"),
            ("cpu", "request", "CPU to reserve", "50m"),
        )
    ),
)  # fmt: skip
"""The command receives `resources`, a `ResourceOptions`."""
