"""`faas config`: values in effect."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.options.gateway import gateway_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasGroup, pass_console
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack import explain as explanation
from faas_cli.stack.select import StackOptions


@click.group(cls=FaasGroup)
def command() -> None:
    """Show values and where they come from."""


@command.command()
@stack_options
@gateway_option
@output_options
@pass_console
def explain(console: Console, stack: StackOptions, gateway: str | None, output_format: str) -> None:
    """Show every value of the stack with the file and line, flag or variable it comes from."""
    rows = explanation.explain(stack, gateway)
    if output_format != TABLE:
        values = [{"key": key, "value": value, "source": source} for key, value, source in rows]
        console.data(structured(values, output_format))
        return
    width = max(len(key) for key, _, _ in rows)
    for key, value, source in rows:
        console.data(f"{key:<{width}}  {value}  ({source})")
