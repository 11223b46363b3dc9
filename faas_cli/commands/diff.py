"""`faas diff`: compare a stack file with what is deployed."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.deployment.diff import differences
from faas_cli.deployment.request import DeployOptions
from faas_cli.errors import EXIT_FAILED
from faas_cli.options.build import tag_option
from faas_cli.options.gateway import GatewayOptions, gateway_options, stack_namespace_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, option, pass_console
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@option(
    "--env",
    "side",
    type=click.Choice(["local", "remote", "all"]),
    default="local",
    show_default=True,
    help="Which environment variables to compare: those of the stack file, of the gateway, or all.",
)
@tag_option
@stack_options
@gateway_options
@stack_namespace_option
@pass_console
def command(
    console: Console, side: str, tag: str, stack: StackOptions, gateway: GatewayOptions, namespace: str
) -> int:  # fmt: skip
    """Compare a stack file with what is deployed; exit code 1 when they differ."""
    opened, functions = stack.read()
    found = list(differences(gateway.connect(opened), functions, DeployOptions(namespace=namespace, tag=tag), side))
    for lines in found:
        for line in lines:
            console.data(line)
    if not found:
        console.data("no differences")
    return EXIT_FAILED if found else 0
