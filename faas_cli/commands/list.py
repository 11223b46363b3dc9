"""`faas list`: the functions of a gateway."""

from __future__ import annotations

import click
import msgspec

from faas_cli.console import Console
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, option, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.select import StackOptions
from faas_runtime.core.api import FunctionStatus


@click.command(cls=FaasCommand)
@switch("-q", "--quiet", help="Print names only.")
@switch("-v", "--verbose", help="Include image and creation time.")
@option("--sort", default="name", show_default=True, metavar="[name|invocations|creation]", help="Sort order.")
@output_options
@stack_options
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, quiet: bool, verbose: bool, sort: str, output_format: str,
    stack: StackOptions, gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """List the functions of a gateway."""
    client = gateway.connect(stack.nearby())
    functions = _sorted(client.functions(namespace), sort)
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(functions), output_format))
    elif quiet:
        for function in functions:
            console.data(function.name)
    elif verbose:
        _print_verbose(functions, console)
    else:
        rows = [(each.name, f"{each.invocation_count:.0f}", each.replicas) for each in functions]
        console.table(("Function", "Invocations", "Replicas"), rows, piped=(30, 15, 5))


def _sorted(functions: list[FunctionStatus], order: str) -> list[FunctionStatus]:
    if order == "name":
        return sorted(functions, key=lambda function: function.name)
    if order == "invocations":
        return sorted(functions, key=lambda function: -function.invocation_count)
    if order == "creation":
        return sorted(functions, key=lambda function: function.created_at)
    return functions


def _print_verbose(functions: list[FunctionStatus], console: Console) -> None:
    header = ["Function", "Image", "Invocations", "Replicas", "CreatedAt"]
    # faas-cli prints two tabs before the time; a terminal needs none.
    before = "" if console.out.isatty() else "\t"
    rows = []
    for each in functions:
        created = each.created_at.replace("T", " ").removesuffix("Z").partition(".")[0] + " +0000 UTC"
        rows.append([each.name, each.image, f"{each.invocation_count:.0f}", each.replicas, before + created])
    if any(each.next_run for each in functions):
        header.append("NextRun")
        for row, each in zip(rows, functions, strict=True):
            row.append(each.next_run)
    console.table(header, rows, piped=(30, max([40, *(len(each.image) for each in functions)]), 15, 5))
