"""The functions of a function store."""

from __future__ import annotations

import os

from faas_cli.errors import FaasError
from faas_cli.stack.model import Function
from faas_cli.suggest import did_you_mean
from faas_cli.templates.store import fetch
from faas_runtime.core.function_store import StoreFunction, own_platform, parse_store
from faas_runtime.core.settings import DEFAULT_STORE

__all__ = ["StoreFunction", "find_function", "own_platform", "read_functions"]

TIMEOUT = 60.0
"""Seconds to wait for a store."""


def read_functions(address: str) -> list[StoreFunction]:
    """The functions of a store: the flag's, `OPENFAAS_STORE`'s, or the public one's. Raises FaasError."""
    where = address or os.environ.get("OPENFAAS_STORE") or DEFAULT_STORE
    try:
        return parse_store(fetch(where, TIMEOUT))
    except ValueError as err:
        raise FaasError(f"{where} is not a function store: {err}") from None


def find_function(name: str, address: str, platform: str) -> StoreFunction:
    """The function of this name or title, for a platform. Raises FaasError with the nearest names."""
    functions = read_functions(address)
    for function in functions:
        if name in (function.name, function.title):
            if not function.image_for(platform):
                raise FaasError(
                    f"`{name}` has no image for {platform}", hint=f"it has: {', '.join(sorted(function.images))}"
                )
            return function
    hint = did_you_mean(name, (function.name for function in functions)) or "`faas store list` shows all"
    raise FaasError(f"the store has no function `{name}`", hint=hint)


def function_of(found: StoreFunction, platform: str, rename: str = "") -> Function:
    """A store's entry as a function of a stack."""
    return Function(
        name=rename or found.name,
        image=found.image_for(platform),
        fprocess=found.fprocess,
        environment=dict(found.environment),
        labels=dict(found.labels),
        annotations=dict(found.annotations),
        readonly_root_filesystem=found.read_only,
    )
