"""`faas local-run`: build one function and run it in the foreground, without a gateway."""

from __future__ import annotations

import shlex
import socket
from typing import Any

import click

from faas_cli.build.tags import image_reference
from faas_cli.commands.build import build_all, build_flags, options_of
from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED, UsageError
from faas_cli.flags import FaasCommand, Integer, offered, stack_options, switch
from faas_cli.local_run import in_store, plan_container, plan_process
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import open_stack, select
from faas_runtime.imagestore import ImageStore
from faas_runtime.paths import default_state_dir, images_dir


@click.command(cls=FaasCommand)
@click.argument("name", required=False, shell_complete=offered("stack_functions"))
@stack_options
@build_flags
@switch("--print", "print_only", help="Only print the command.")
@switch("--build", "build", default=True, help="Build the function first.")
@click.option("-p", "--port", type=Integer(), default=8080, show_default=True, help="Port to listen on; 0 for any.")
@click.option("--network", default="", help="Network of the container (Docker only).")
@click.option("-e", "--env", "environment", multiple=True, help="Environment KEY=VALUE, several with commas.")
@switch("--quiet", help="Hide what the tools print.")
def command(
    name: str | None, stack_file: str, pattern: str, regex: str, envsubst: bool,
    print_only: bool, build: bool, port: int, network: str, environment: tuple[str, ...], quiet: bool, **flags: Any,
) -> int:  # fmt: skip
    """Build the function NAME and run it on a port of this machine until Ctrl-C."""
    console = Console(quiet=quiet)
    stack = open_stack(stack_file, envsubst=envsubst)
    function = _only(stack, name or pattern, regex)
    if build and not print_only:
        results = build_all(stack, [function], options_of(flags, quiet=quiet), console)
        if any(result.error is not None for result in results):
            return EXIT_FAILED
    image = image_reference(function, flags["tag"])
    store = ImageStore(images_dir(default_state_dir()))
    extra = dict(_pair(part) for text in environment for part in text.split(","))
    port = port or _free_port()
    if in_store(image, store):
        plan = plan_process(function, image, port, extra, store, default_state_dir() / "local-run")
    else:
        plan = plan_container(function, image, port, extra, network)
    if print_only:
        console.data(shlex.join(plan.command))
        return 0
    console.data(f"Image: {image}\nStarting local-run for: {function.name} on: http://127.0.0.1:{port}\n")
    console.out.flush()
    return plan.run()


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
