"""`faas schema`: the JSON Schema of the stack file."""

from __future__ import annotations

import json

import click

from faas_cli.console import Console
from faas_cli.flags import FaasCommand
from faas_cli.stack.schema import stack_schema


@click.command(cls=FaasCommand)
def command() -> None:
    """Print the JSON Schema of the stack file, for editors."""
    Console().data(json.dumps(stack_schema(), indent=2))
