"""Resources as users write them, in numbers."""

from __future__ import annotations

import re
from decimal import Decimal

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.errors import Invalid

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?")
_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def parse_quantity(text: str, field: str) -> Decimal:
    """The number a Kubernetes quantity (`128Mi`, `100m`, `0.5`) stands for. Raises Invalid, naming the field."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise Invalid(f"field `{field}`: `{text}` is not a quantity like `128Mi` or `100m`")
    suffix = match[2] or ""
    factor = _SUFFIXES[suffix] if suffix in _SUFFIXES else Decimal(f"1{suffix}")
    return Decimal(match[1]) * factor


def check_resources(deployment: FunctionDeployment) -> None:
    """Raises Invalid when a quantity of the limits or requests makes no sense."""
    for where, resources in (("limits", deployment.limits), ("requests", deployment.requests)):
        for name, text in _pairs(resources):
            if text and parse_quantity(text, f"{where}.{name}") <= 0:
                raise Invalid(f"field `{where}.{name}`: `{text}` is not more than nothing")


def not_enforced(deployment: FunctionDeployment) -> list[str]:
    """What the deployment asks for and processes of this machine are not held to, in words."""
    found = []
    limits = deployment.limits
    if limits is not None and limits.memory:
        found.append(f"memory limit {limits.memory}")
    if limits is not None and limits.cpu:
        found.append(f"cpu limit {limits.cpu}")
    if deployment.read_only_root_filesystem:
        found.append("read-only root file system")
    if deployment.constraints:
        found.append("constraints")
    return found


def _pairs(resources: FunctionResources | None) -> list[tuple[str, str]]:
    return [("memory", resources.memory), ("cpu", resources.cpu)] if resources is not None else []
