"""`faas publish`: build for several platforms and push, in one step."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED
from faas_cli.images.model import BuildOptions
from faas_cli.images.publish import publish_all
from faas_cli.options.build import build_options
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, option, pass_console, switch
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@option(
    "--platforms", default="", metavar="LIST", help="Platforms, comma-separated; the stack file's, else linux/amd64."
)
@option("--extra-tag", "extra_tags", multiple=True, metavar="TAG", help="Additional tag of the image.")
@switch("--reset-qemu", help="Accepted for compatibility; nothing is emulated.")
@stack_options
@build_options
@pass_console
def command(
    console: Console, platforms: str, extra_tags: tuple[str, ...], reset_qemu: bool,
    stack: StackOptions, build: BuildOptions,
) -> int:  # fmt: skip
    """Build the functions of a stack for several platforms and push them."""
    console.quiet = build.quiet
    return 0 if publish_all(*stack.read(), build, console, platforms, extra_tags) else EXIT_FAILED
