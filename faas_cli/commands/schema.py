"""`faas schema`: JSON Schemas of the stack file and of what commands print."""

from __future__ import annotations

import json

import click

from faas_cli.console import Console
from faas_cli.options import FaasCommand


@click.command(cls=FaasCommand)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
def command(words: tuple[str, ...]) -> None:
    """Print the JSON Schema of the stack file, for editors, or of what COMMAND prints with `--output json`."""
    if words:
        from faas_cli.output.schema import output_schema

        content = output_schema(" ".join(words))
    else:
        from faas_cli.stack.schema import stack_schema

        content = stack_schema()
    Console().data(json.dumps(content, indent=2))
