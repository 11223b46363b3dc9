"""`faas dev`: build, deploy, watch, repeat."""

from __future__ import annotations

from dataclasses import replace

import click

from faas_cli.console import Console
from faas_cli.deployment.request import DeployOptions
from faas_cli.devloop.dev import DevLoop
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions
from faas_cli.options.build import build_options
from faas_cli.options.deploy import deploy_options
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, pass_console
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@stack_options
@gateway_options
@build_options
@deploy_options
@pass_console
def command(
    console: Console, stack: StackOptions, gateway: GatewayOptions, build: BuildOptions, deploy: DeployOptions
) -> None:
    """Build and deploy the functions of a stack on every change, and follow their logs."""
    opened, _ = stack.read()
    client = gateway.connect(opened, timeout=deploy.timeout)
    # Before anything is built: without a gateway nothing can be deployed.
    client.info()
    build = replace(build, quiet=True)
    builder = choose_builder(build, opened, console, gateway.gateway)
    DevLoop(stack.read, client, builder, build, replace(deploy, tag=build.tag), console, untested=True).run()
