"""`faas rollback`: bring an earlier version of a function back."""

from __future__ import annotations

import click
import msgspec

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.gateway.client import connect
from faas_cli.options import FaasCommand, Integer, function_argument, gateway_options, namespace_option, switch
from faas_cli.output.formats import TABLE, output_options, structured


@click.command(cls=FaasCommand)
@function_argument()
@click.argument("version", type=Integer(), required=False, default=0)
@switch("--list", help="Show the versions instead.")
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to take the gateway from.")
@gateway_options
@namespace_option
@output_options
def command(
    name: str,
    version: int,
    list: bool,
    stack_file: str,
    gateway: str | None,
    tls_no_verify: bool,
    token: str,
    namespace: str,
    form: str,
) -> None:
    """Bring VERSION of the function NAME back, the one before the present unless given."""
    console = Console()
    client = connect(gateway, stack_nearby(stack_file, envsubst=True), token=token, tls_no_verify=tls_no_verify)
    if list and form != TABLE:
        console.data(structured(msgspec.to_builtins(client.versions(name, namespace)), form))
        return
    if list:
        console.data(f"{'Version':<9}{'Deployed':<22}Image")
        for each in client.versions(name, namespace):
            mark = "*" if each.current else ""
            moment = each.created_at[:19].replace("T", " ")
            console.data(f"{str(each.version) + mark:<9}{moment:<22}{each.pinned or each.image}")
        return
    found = client.rollback(name, version, namespace)
    console.data(f"Rolled back: {name} to version {found.version} ({found.pinned or found.image})")
