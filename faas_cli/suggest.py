"""Hints with the nearest names for a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from faas_cli.errors import FaasError

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient

LIST_HINT = "`faas list` shows the functions"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The hint with up to three similar names, empty when there are none."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else ""


def hint_for_function(client: GatewayClient, name: str, namespace: str) -> str:
    """The nearest names of the gateway's functions, else where to look. Never fails."""
    try:
        return did_you_mean(name, (function.name for function in client.functions(namespace))) or LIST_HINT
    except FaasError:
        return LIST_HINT
