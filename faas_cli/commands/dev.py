"""`faas dev`: build, deploy, watch, again."""

from __future__ import annotations

from typing import Any

import click

from faas_cli.commands.build import build_flags, options_of
from faas_cli.commands.deploy import deploy_flags, flags_of
from faas_cli.console import Console
from faas_cli.devloop.dev import DevLoop
from faas_cli.gateway.client import connect
from faas_cli.images.builders.choose import choose_builder
from faas_cli.options import FaasCommand, gateway_options, stack_namespace_option, stack_options
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import open_stack, select


@click.command(cls=FaasCommand)
@stack_options
@gateway_options
@stack_namespace_option
@build_flags
@deploy_flags
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str, **flags: Any,
) -> None:  # fmt: skip
    """Build and deploy the functions of a stack, and again whenever they change; show what they print."""
    console = Console()

    def read() -> tuple[Stack, list[Function]]:
        stack = open_stack(stack_file, envsubst=envsubst)
        return stack, select(stack, pattern, regex)

    stack, _ = read()
    options = options_of(flags, quiet=True)
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify, timeout=flags["timeout"])
    # Asked before anything is built: without a gateway there is nothing to keep up to date.
    client.info()
    wanted = flags_of(flags, tag=flags["tag"], namespace=namespace)
    builder = choose_builder(options, stack, console, gateway)
    DevLoop(read, client, builder, options, wanted, console, untested=True).run()
