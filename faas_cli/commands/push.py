"""`faas push`: push the images of a stack to their registries."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED
from faas_cli.images.push import push_all
from faas_cli.options.build import tag_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, Integer, option, pass_console, switch
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@option("--parallel", type=Integer(), default=1, show_default=True, help="Maximum number of parallel pushes.")
@tag_option
@switch("--quiet", help="Print errors only.")
@stack_options
@pass_console
def command(console: Console, parallel: int, tag: str, quiet: bool, stack: StackOptions) -> int:
    """Push the images of a stack to the registries in their names."""
    console.quiet = quiet
    return 0 if push_all(stack.read()[1], tag, parallel, console) else EXIT_FAILED
