"""`faas remove`, also `delete` and `rm`: remove functions from a gateway."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED, GatewayError
from faas_cli.gateway.credentials import namespace_of
from faas_cli.options import FaasCommand, function_argument, gateway_options, stack_namespace_option, stack_options
from faas_cli.stack.select import open_stack, select


@click.command(cls=FaasCommand)
@function_argument(required=False)
@stack_options
@gateway_options
@stack_namespace_option
def command(
    name: str | None, stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
) -> int:  # fmt: skip
    """Remove the function NAME, or all functions of a stack file."""
    from faas_cli.commands.invoke import stack_nearby
    from faas_cli.gateway.client import connect

    console = Console()
    if name:
        stack = stack_nearby(stack_file, envsubst=envsubst)
        wanted = [(name, namespace_of(namespace))]
    else:
        stack = open_stack(stack_file, envsubst=envsubst)
        wanted = [(each.name, namespace_of(namespace, each.namespace)) for each in select(stack, pattern, regex)]
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify)
    failed: list[str] = []
    for each, where in wanted:
        console.progress(f"Deleting: {each}{'.' + where if where else ''}")
        try:
            client.delete(each, where)
        except GatewayError as err:
            if err.status != 404 and len(wanted) == 1:
                raise
            console.error(err.message, err.hint)
            failed.append(each)
            if err.status in (0, 401):
                break
            continue
        console.data("Removing old function.")
    if failed and len(wanted) > 1:
        console.error(f"{len(failed)} of {len(wanted)} functions were not removed: {', '.join(failed)}")
    return EXIT_FAILED if failed else 0
