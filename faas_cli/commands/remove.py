"""`faas remove`, also `delete` and `rm`: remove functions from a gateway."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.deployment.deploy import remove_all
from faas_cli.errors import EXIT_FAILED
from faas_cli.gateway.credentials import namespace_of
from faas_cli.options.gateway import GatewayOptions, gateway_options, stack_namespace_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, function_argument, pass_console
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@function_argument(required=False)
@stack_options
@gateway_options
@stack_namespace_option
@pass_console
def command(
    console: Console, name: str | None, stack: StackOptions, gateway: GatewayOptions, namespace: str
) -> int:  # fmt: skip
    """Remove the function NAME, or all functions of a stack file."""
    if name:
        opened = stack.nearby()
        functions = [(name, namespace_of(namespace))]
    else:
        opened, chosen = stack.read()
        functions = [(each.name, namespace_of(namespace, each.namespace)) for each in chosen]
    return 0 if remove_all(gateway.connect(opened), functions, console) else EXIT_FAILED
