"""`faas mcp`: let a programming agent work with functions."""

from __future__ import annotations

import click

from faas_cli.agents.tools import AgentTools, make_server
from faas_cli.commands.invoke import stack_nearby
from faas_cli.gateway.client import connect
from faas_cli.options import FaasCommand, gateway_options, switch


@click.command(cls=FaasCommand)
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to build and deploy from.")
@gateway_options
@switch("--read-only", help="Offer only what changes and calls nothing.")
def command(stack_file: str, gateway: str | None, tls_no_verify: bool, token: str, read_only: bool) -> None:
    """Serve the Model Context Protocol on standard input and output, for agents that write and run functions."""
    client = connect(gateway, stack_nearby(stack_file, envsubst=True), token=token, tls_no_verify=tls_no_verify)
    make_server(AgentTools(client, stack_file), read_only=read_only).run("stdio")
