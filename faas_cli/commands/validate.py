"""`faas validate`: check a stack file."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, pass_console
from faas_cli.stack.check import check_function, unknown_keys
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@stack_options
@pass_console
def command(console: Console, stack: StackOptions) -> int:
    """Check a stack file: its syntax, keys, handler folders, templates and images."""
    opened, functions = stack.read()
    errors = [error for function in functions for error in check_function(function)]
    for error in errors:
        console.error(error.message, error.hint)
    for path in opened.files:
        for warning in unknown_keys(path, envsubst=stack.envsubst):
            console.warning(warning)
    if errors:
        return EXIT_FAILED
    count = len(opened.functions)
    console.data(f"{opened.path or ', '.join(stack.files)}: {count} function{'' if count == 1 else 's'}, no errors")
    return 0
