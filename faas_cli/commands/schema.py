"""`faas schema`: JSON Schemas of the stack file and of command output."""

from __future__ import annotations

import json

import click

from faas_cli.console import Console
from faas_cli.options.syntax import FaasCommand, pass_console


@click.command(cls=FaasCommand)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@pass_console
def command(console: Console, words: tuple[str, ...]) -> None:
    """Print the JSON Schema of the stack file, for editors, or of COMMAND's `--output json`."""
    if words:
        from faas_cli.output.schema import output_schema

        content = output_schema(" ".join(words))
    else:
        from faas_cli.stack.schema import stack_schema

        content = stack_schema()
    console.data(json.dumps(content, indent=2))
