"""`faas diff`: a stack file beside what is deployed."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.deployment.request import DeployFlags, deployment_of
from faas_cli.errors import EXIT_FAILED
from faas_cli.options import FaasCommand, gateway_options, stack_namespace_option, stack_options
from faas_cli.stack.select import open_stack, select
from faas_runtime.core.api import FunctionDeployment, FunctionResources, FunctionStatus

_WIDTH = 40


@click.command(cls=FaasCommand)
@stack_options
@gateway_options
@stack_namespace_option
@click.option("--env", "side", type=click.Choice(["local", "remote", "all"]), default="local", show_default=True,
              help="Whose environment counts: variables only the other side has are left out.")  # fmt: skip
@click.option("--tag", default="latest", show_default=True, help="Tag from: latest, sha, branch, describe or digest.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str, side: str, tag: str,
) -> int:  # fmt: skip
    """Compare a stack file with what is deployed; exit code 1 when they differ."""
    from faas_cli.gateway.client import connect

    console = Console()
    stack = open_stack(stack_file, envsubst=envsubst)
    functions = select(stack, pattern, regex)
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify)
    deployments = [deployment_of(function, DeployFlags(namespace=namespace, tag=tag)) for function in functions]
    remote = {
        (found.name, where): found
        for where in dict.fromkeys(each.namespace for each in deployments)
        for found in client.functions(where)
    }
    different = False
    for wanted in deployments:
        rows = compare(wanted, remote.get((wanted.service, wanted.namespace)), side)
        if rows:
            different = True
            key = f"{wanted.service}.{wanted.namespace}" if wanted.namespace else wanted.service
            for line in table(key, rows):
                console.data(line)
    if not different:
        console.data("no differences")
    return EXIT_FAILED if different else 0


def compare(wanted: FunctionDeployment, found: FunctionStatus | None, side: str) -> list[tuple[str, str, str]]:
    """Field, local value, deployed value of everything that differs, sorted by field."""
    local = _flat(wanted)
    deployed = _flat(found) if found is not None else {}
    fields = sorted({*local, *deployed})
    return [
        (field, local.get(field, ""), deployed.get(field, ""))
        for field in fields
        if local.get(field, "") != deployed.get(field, "") and not _left_out(field, local, deployed, side)
    ]


def table(key: str, rows: list[tuple[str, str, str]]) -> list[str]:
    """The lines a person sees for one function."""
    left = [f"  - {field}: {mine}" for field, mine, _ in rows]
    right = [f"+ {field}: {theirs}" for field, _, theirs in rows]
    width = max(_WIDTH, *(len(cell) for cell in left))
    lines = [key, f"{'  stack.yaml':<{width}} | deployed", f"{'-' * width}-+-{'-' * _WIDTH}"]
    lines += [f"{mine:<{width}} | {theirs}" for mine, theirs in zip(left, right, strict=True)]
    return [*lines, ""]


def _left_out(field: str, local: dict[str, str], deployed: dict[str, str], side: str) -> bool:
    if field == "fprocess":
        return field not in local
    if not field.startswith("env."):
        return False
    return (side == "local" and field not in local) or (side == "remote" and field not in deployed)


def _flat(function: FunctionDeployment | FunctionStatus) -> dict[str, str]:
    flat = {"image": function.image, "readonly_root_filesystem": str(function.read_only_root_filesystem).lower()}
    if function.env_process:
        flat["fprocess"] = function.env_process
    flat |= {f"env.{key}": value for key, value in function.env_vars.items()}
    flat |= {f"secret.{name}": "yes" for name in function.secrets}
    flat |= {f"constraint.{name}": "yes" for name in function.constraints}
    flat |= {f"label.{key}": value for key, value in (function.labels or {}).items()}
    flat |= {f"annotation.{key}": value for key, value in (function.annotations or {}).items()}
    return flat | _resources("limits", function.limits) | _resources("requests", function.requests)


def _resources(kind: str, resources: FunctionResources | None) -> dict[str, str]:
    if resources is None:
        return {}
    values = {"cpu": resources.cpu, "memory": resources.memory}
    return {f"{kind}.{key}": value for key, value in values.items() if value}
