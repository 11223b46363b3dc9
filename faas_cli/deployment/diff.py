"""How a stack file differs from what is deployed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.stack.model import Function
from faas_runtime.core.api import NAME_LABEL, FunctionDeployment, FunctionResources, FunctionStatus

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient

_WIDTH = 40


def differences(
    client: GatewayClient, functions: Sequence[Function], options: DeployOptions, side: str
) -> Iterator[list[str]]:
    """The lines to print for each function that differs. Raises FaasError.

    `side` (`local`, `remote` or `all`): variables that only the other side has are ignored.
    """
    deployments = [deployment_of(function, options) for function in functions]
    remote = {
        (found.name, namespace): found
        for namespace in dict.fromkeys(each.namespace for each in deployments)
        for found in client.functions(namespace)
    }
    for desired in deployments:
        rows = compare(desired, remote.get((desired.service, desired.namespace)), side)
        if rows:
            yield table(f"{desired.service}.{desired.namespace}" if desired.namespace else desired.service, rows)


def compare(desired: FunctionDeployment, found: FunctionStatus | None, side: str) -> list[tuple[str, str, str]]:
    """Field, local value, deployed value of everything that differs, sorted by field."""
    local = _flat(desired)
    deployed = _flat(found) if found is not None else {}
    fields = sorted({*local, *deployed})
    return [
        (field, local.get(field, ""), deployed.get(field, ""))
        for field in fields
        if local.get(field, "") != deployed.get(field, "") and not _left_out(field, local, deployed, side)
    ]


def table(key: str, rows: list[tuple[str, str, str]]) -> list[str]:
    """The lines to print for one function."""
    left = [f"  - {field}: {mine}" for field, mine, _ in rows]
    right = [f"+ {field}: {theirs}" for field, _, theirs in rows]
    width = max(_WIDTH, *(len(cell) for cell in left))
    lines = [key, f"{'  stack.yaml':<{width}} | deployed", f"{'-' * width}-+-{'-' * _WIDTH}"]
    lines += [f"{mine:<{width}} | {theirs}" for mine, theirs in zip(left, right, strict=True)]
    return [*lines, ""]


def _left_out(field: str, local: dict[str, str], deployed: dict[str, str], side: str) -> bool:
    if field in ("fprocess", f"label.{NAME_LABEL}"):
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
