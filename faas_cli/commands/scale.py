"""`faas scale`: set how many replicas a function has."""

from __future__ import annotations

import click

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.gateway.client import connect
from faas_cli.options import FaasCommand, Integer, function_argument, gateway_options, namespace_option


@click.command(cls=FaasCommand)
@function_argument()
@click.argument("replicas", type=Integer())
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to take the gateway from.")
@gateway_options
@namespace_option
def command(
    name: str, replicas: int, stack_file: str, gateway: str | None, tls_no_verify: bool, token: str, namespace: str
) -> None:
    """Run the function NAME in this many REPLICAS; 0 stops it until it is called."""
    if replicas < 0:
        raise UsageError(f"{replicas} replicas are not possible; 0 is the least")
    client = connect(gateway, stack_nearby(stack_file, envsubst=True), token=token, tls_no_verify=tls_no_verify)
    client.scale(name, replicas, namespace)
    Console().data(f"Scaled: {name} to {replicas}")
