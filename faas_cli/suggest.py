"""What a person may have meant by the name of a function that is not there."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from faas_cli.errors import FaasError

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient

LIST_HINT = "`faas list` shows what is there"


def hint_for_function(client: GatewayClient, name: str, namespace: str) -> str:
    """The nearest names of the gateway's functions, else where to look. Never fails."""
    try:
        names = [function.name for function in client.functions(namespace)]
    except FaasError:
        return LIST_HINT
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else LIST_HINT
