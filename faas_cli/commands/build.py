"""`faas build`: build images of the functions in a stack."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED
from faas_cli.images.build import build_all
from faas_cli.images.model import BuildOptions
from faas_cli.options.build import build_options
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, option, pass_console
from faas_cli.stack.select import StackOptions, select, single_function_stack


@click.command(cls=FaasCommand)
@option("--image", default="", metavar="IMAGE", help="Image of a function without a stack file.")
@option("--name", default="", metavar="NAME", help="Name of that function.")
@option("--handler", default="", metavar="FOLDER", help="Handler folder of that function.")
@option("--lang", default="", metavar="NAME", help="Template of that function.")
@stack_options
@build_options
@pass_console
def command(
    console: Console, image: str, name: str, handler: str, lang: str, stack: StackOptions, build: BuildOptions
) -> int:
    """Build images of the functions in a stack."""
    console.quiet = build.quiet
    single = {"--image": image, "--name": name, "--handler": handler, "--lang": lang}
    opened = single_function_stack(single, stack.files) if any(single.values()) else stack.open()
    results = build_all(opened, select(opened, stack.pattern, stack.regex), build, console)
    return EXIT_FAILED if any(result.error is not None for result in results) else 0
