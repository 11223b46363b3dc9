"""`faas describe`: one function in detail."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import GatewayError
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, function_argument, option, pass_console, switch
from faas_cli.output.description import describe, values
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.select import StackOptions
from faas_cli.suggest import hint_for_function


@click.command(cls=FaasCommand)
@function_argument()
@option("--name", "unused_name", default="", hidden=True, expose_value=False)
@switch("-v", "--verbose", help="Include empty sections.")
@output_options
@stack_options
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, name: str, verbose: bool, output_format: str,
    stack: StackOptions, gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Show the function NAME in detail."""
    client = gateway.connect(stack.nearby())
    try:
        function = client.get(name, namespace, usage=True)
    except GatewayError as err:
        if err.status == 404:
            err.hint = hint_for_function(client, name, namespace)
        raise
    url, async_url = client.url_of(name, namespace), client.url_of(name, namespace, asynchronous=True)
    if output_format != TABLE:
        console.data(structured(values(function, url, async_url), output_format))
        return
    for line in describe(function, url, async_url, verbose=verbose):
        console.data(line)
