"""`faas local-run`: build one function and run it in the foreground, without a gateway."""

from __future__ import annotations

import io
import shlex
from dataclasses import replace

import click

from faas_cli.console import Console
from faas_cli.devloop.foreground import free_port, run_foreground
from faas_cli.devloop.local_run import LocalRun, only_function
from faas_cli.errors import UsageError
from faas_cli.images.build import build_all
from faas_cli.images.model import BuildOptions
from faas_cli.options.build import build_options
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, Integer, offered, option, pass_console, switch
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@click.argument("name", required=False, shell_complete=offered("stack_functions"))
@switch("--print", "print_only", help="Print the command, run nothing.")
@switch("--build", "build_first", default=True, help="Build the function first.")
@switch("--watch", help="Rebuild and restart on every change.")
@option("-p", "--port", type=Integer(), default=8080, show_default=True, help="Port to listen on; 0 for any free one.")
@option("--network", default="", metavar="NAME", help="Network of the container (Docker only).")
@option(
    "-e",
    "--env",
    "environment",
    multiple=True,
    metavar="KEY=VALUE",
    help="Environment variable; separate several with commas.",
)
@switch("--debug", help="Run under the language's debugger, which waits for your editor; no timeouts.")
@option("--debug-port", type=Integer(), default=0, help="Port of the debugger; any free one by default.")
@stack_options
@build_options
@pass_console
def command(
    console: Console, name: str | None, print_only: bool, build_first: bool, watch: bool, port: int, network: str,
    environment: tuple[str, ...], debug: bool, debug_port: int, stack: StackOptions, build: BuildOptions,
) -> int:  # fmt: skip
    """Build the function NAME and run it on a local port until Ctrl-C."""
    console.quiet = build.quiet
    extra = dict(_pair(part) for text in environment for part in text.split(","))

    # The first build has reported everything.
    silent = Console(io.StringIO(), io.StringIO(), quiet=True)

    def read() -> tuple[Stack, Function]:
        opened = stack.open()
        return opened, only_function(opened, name or stack.pattern, stack.regex)

    def build_one(opened: Stack, function: Function) -> bool:
        if not build_first:
            return True
        if build_all(opened, [function], build, console, deployed=False)[0].error is None:
            return True
        if not (watch and build.test):
            return False
        # An edit often comes before its test.
        (result,) = build_all(opened, [function], replace(build, test=False, quiet=True), silent, deployed=False)
        if result.error is None:
            console.info(f"{function.name}: its tests fail; it runs nevertheless")
        return result.error is None

    run = LocalRun(
        read, build_one, (lambda text: None) if print_only else console.data_now, tag=build.tag, extra=extra,
        network=network, debug_port=(debug_port or free_port()) if debug else None,
    )  # fmt: skip
    if print_only:
        console.data(shlex.join(run.plan(port).command))
        return 0
    return run_foreground(run.built, run.watched if watch else None, port, console.info)


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageError(f"`--env {text}` must be of the form KEY=VALUE")
    return key, value
