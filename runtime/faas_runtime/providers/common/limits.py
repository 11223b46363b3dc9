"""Resources of a deployment as numbers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.core.quantities import cpu_cores, memory_bytes

Number = TypeVar("Number", int, Decimal)


def memory_of(text: str, field: str) -> int:
    """Bytes of a deployment's memory quantity. Raises Invalid, naming the field."""
    return _positive(text, field, memory_bytes)


def cpu_of(text: str, field: str) -> Decimal:
    """Cores of a deployment's CPU quantity. Raises Invalid, naming the field."""
    return _positive(text, field, cpu_cores)


def check_resources(deployment: FunctionDeployment) -> list[tuple[str, int]]:
    """Raises Invalid for a limit or request that is not a quantity above zero. Returns memory sizes by field."""
    sizes = []
    for where, resources in (("limits", deployment.limits), ("requests", deployment.requests)):
        if resources is not None and resources.memory:
            sizes.append((f"{where}.memory", memory_of(resources.memory, f"{where}.memory")))
        if resources is not None and resources.cpu:
            cpu_of(resources.cpu, f"{where}.cpu")
    return sizes


def _positive(text: str, field: str, parse: Callable[[str], Number]) -> Number:
    try:
        number = parse(text)
    except ValueError as err:
        raise Invalid(f"field `{field}`: {err}") from None
    if number <= 0:
        raise Invalid(f"field `{field}`: `{text}` must be greater than zero")
    return number
