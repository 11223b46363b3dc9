"""`faas list`: the functions of a gateway."""

from __future__ import annotations

import click
import msgspec

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.options import FaasCommand, gateway_options, namespace_option, stack_options, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime.core.api import FunctionStatus


@click.command(cls=FaasCommand)
@stack_options
@gateway_options
@namespace_option
@switch("-q", "--quiet", help="Names only.")
@switch("-v", "--verbose", help="Image and time of creation as well.")
@output_options
@click.option("--sort", default="name", show_default=True, help="name, invocations or creation.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
    quiet: bool, verbose: bool, form: str, sort: str,
) -> None:  # fmt: skip
    """List the functions of a gateway."""
    from faas_cli.gateway.client import connect

    console = Console()
    stack = stack_nearby(stack_file, envsubst=envsubst)
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify)
    functions = _sorted(client.functions(namespace), sort)
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(functions), form))
    elif quiet:
        for function in functions:
            console.data(function.name)
    elif verbose:
        _verbose(functions, console)
    else:
        console.data(f"{'Function':<30}\t{'Invocations':<15}\t{'Replicas':<5}")
        for function in functions:
            console.data(f"{function.name:<30}\t{function.invocation_count:<15.0f}\t{function.replicas:<5}")


def _sorted(functions: list[FunctionStatus], order: str) -> list[FunctionStatus]:
    if order == "name":
        return sorted(functions, key=lambda function: function.name)
    if order == "invocations":
        return sorted(functions, key=lambda function: -function.invocation_count)
    if order == "creation":
        return sorted(functions, key=lambda function: function.created_at)
    return functions


def _verbose(functions: list[FunctionStatus], console: Console) -> None:
    width = max([40, *(len(function.image) for function in functions)])
    scheduled = any(each.next_run for each in functions)
    last = f"{'CreatedAt':<30}\tNextRun" if scheduled else "CreatedAt"
    console.data(f"{'Function':<30}\t{'Image':<{width}}\t{'Invocations':<15}\t{'Replicas':<5}\t{last}")
    for each in functions:
        created = each.created_at.replace("T", " ").removesuffix("Z").partition(".")[0] + " +0000 UTC"
        row = f"{each.name:<30}\t{each.image:<{width}}\t{each.invocation_count:<15.0f}\t{each.replicas:<5}\t\t{created}"
        console.data(f"{row}\t{each.next_run}" if each.next_run else row)
