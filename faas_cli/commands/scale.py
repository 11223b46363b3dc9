"""`faas scale`: set the number of replicas of a function."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_file_option
from faas_cli.options.syntax import FaasCommand, Integer, function_argument, pass_console
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@function_argument()
@click.argument("replicas", type=Integer())
@stack_file_option()
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, name: str, replicas: int, stack: StackOptions, gateway: GatewayOptions, namespace: str
) -> None:
    """Set the number of REPLICAS of the function NAME; 0 stops it until it is called."""
    if replicas < 0:
        raise UsageError(f"the number of replicas must not be negative: {replicas}")
    gateway.connect(stack.nearby()).scale(name, replicas, namespace)
    console.data(f"Scaled: {name} to {replicas}")
