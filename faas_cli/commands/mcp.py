"""`faas mcp`: tools for programming agents."""

from __future__ import annotations

import click

from faas_cli.agents.server import make_server
from faas_cli.agents.tools import AgentTools
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.stack import stack_file_option
from faas_cli.options.syntax import FaasCommand, switch
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@switch("--read-only", help="Offer only tools that change and call nothing.")
@stack_file_option()
@gateway_options
def command(read_only: bool, stack: StackOptions, gateway: GatewayOptions) -> None:
    """Serve the Model Context Protocol on standard input and output: tools to write, run and inspect functions."""
    client = gateway.connect(stack.nearby())
    make_server(AgentTools(client, stack), read_only=read_only).run("stdio")
