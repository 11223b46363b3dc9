"""`faas rollback`: restore an earlier version of a function."""

from __future__ import annotations

import click
import msgspec

from faas_cli.console import Console
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_file_option
from faas_cli.options.syntax import FaasCommand, Integer, function_argument, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@function_argument()
@click.argument("version", type=Integer(), required=False, default=0)
@switch("--list", "list_versions", help="List the versions, change nothing.")
@output_options
@stack_file_option()
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, name: str, version: int, list_versions: bool, output_format: str,
    stack: StackOptions, gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Restore VERSION of the function NAME, by default the previous one."""
    client = gateway.connect(stack.nearby())
    if not list_versions:
        found = client.rollback(name, version, namespace)
        console.data(f"Rolled back: {name} to version {found.version} ({found.pinned or found.image})")
        return
    versions = client.versions(name, namespace)
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(versions), output_format))
        return
    rows = [
        (
            f"{each.version}{'*' if each.current else ''}",
            each.created_at[:19].replace("T", " "),
            each.pinned or each.image,
        )
        for each in versions
    ]
    console.table(("Version", "Deployed", "Image"), rows)
