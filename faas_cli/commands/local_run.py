"""`faas local-run`: build one function and run it in the foreground, without a gateway."""

from __future__ import annotations

import shlex
from typing import Any

import click

from faas_cli.commands.build import build_all, build_flags, options_of
from faas_cli.console import Console
from faas_cli.devloop.foreground import Foreground, free_port, listen, run_watched, told_to_end
from faas_cli.devloop.local_run import LocalRun
from faas_cli.errors import EXIT_FAILED, UsageError
from faas_cli.options import FaasCommand, Integer, offered, stack_options, switch
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import open_stack, select


@click.command(cls=FaasCommand)
@click.argument("name", required=False, shell_complete=offered("stack_functions"))
@stack_options
@build_flags
@switch("--print", "print_only", help="Only print the command.")
@switch("--build", "build", default=True, help="Build the function first.")
@switch("--watch", help="Build and run it again whenever its folder or the stack file changes.")
@click.option("-p", "--port", type=Integer(), default=8080, show_default=True, help="Port to listen on; 0 for any.")
@click.option("--network", default="", help="Network of the container (Docker only).")
@click.option("-e", "--env", "environment", multiple=True, help="Environment KEY=VALUE, several with commas.")
@switch("--debug", help="Run it under its language's debugger, which waits for your editor; nothing times out.")
@click.option("--debug-port", type=Integer(), default=0, help="Port of the debugger; by default any.")
@switch("--quiet", help="Hide what the tools print.")
def command(
    name: str | None, stack_file: str, pattern: str, regex: str, envsubst: bool,
    print_only: bool, build: bool, watch: bool, port: int, network: str, environment: tuple[str, ...],
    debug: bool, debug_port: int, quiet: bool, **flags: Any,
) -> int:  # fmt: skip
    """Build the function NAME and run it on a port of this machine until Ctrl-C."""
    console = Console(quiet=quiet)
    extra = dict(_pair(part) for text in environment for part in text.split(","))

    def read() -> tuple[Stack, Function]:
        stack = open_stack(stack_file, envsubst=envsubst)
        return stack, _only(stack, name or pattern, regex)

    def make(stack: Stack, function: Function) -> bool:
        if not build:
            return True
        return all(each.error is None for each in build_all(stack, [function], options_of(flags, quiet=quiet), console))

    def say(text: str) -> None:
        console.data(text)
        console.out.flush()

    run = LocalRun(
        read, make, (lambda text: None) if print_only else say, tag=flags["tag"], extra=extra, network=network,
        debug_port=(debug_port or free_port()) if debug else None,
    )  # fmt: skip
    if print_only:
        console.data(shlex.join(run.plan(port).command))
        return 0
    listener = listen(port)
    port = listener.getsockname()[1]
    foreground = Foreground(listener)
    with told_to_end():
        if watch:
            run_watched(lambda: run.built(port), run.watched(), foreground, console.info)
            return 0
        plan = run.built(port)
        if plan is None:
            return EXIT_FAILED
        foreground.start(plan)
        return foreground.wait()


def _only(stack: Stack, pattern: str, regex: str) -> Function:
    functions = select(stack, pattern, regex)
    if len(functions) > 1:
        names = ", ".join(function.name for function in functions)
        raise UsageError(f"which function? the stack has {names}", hint="faas local-run NAME")
    return functions[0]


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageError(f"`--env {text}` must be of the form KEY=VALUE")
    return key, value
