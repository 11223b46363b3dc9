"""`faas deploy`: deploy functions to a gateway."""

from __future__ import annotations

from dataclasses import replace

import click

from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_all
from faas_cli.deployment.request import DeployOptions
from faas_cli.errors import EXIT_FAILED, UsageError
from faas_cli.options.build import tag_option
from faas_cli.options.deploy import ResourceOptions, deploy_options, resource_options
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import FaasCommand, option, pass_console
from faas_cli.stack.model import Function, Provider, Stack
from faas_cli.stack.select import StackOptions, select


@click.command(cls=FaasCommand)
@option("--image", default="", metavar="IMAGE", help="Image of a function without a stack file.")
@option("--name", default="", metavar="NAME", help="Name of that function.")
@option("--fprocess", default="", metavar="COMMAND", help="Process of that function.")
@option("--lang", default="", hidden=True, expose_value=False)
@option("--handler", default="", hidden=True, expose_value=False)
@option("--network", default="", hidden=True, expose_value=False)
@tag_option
@stack_options
@gateway_options
@deploy_options
@resource_options
@pass_console
def command(
    console: Console, image: str, name: str, fprocess: str, tag: str,
    stack: StackOptions, gateway: GatewayOptions, deploy: DeployOptions, resources: ResourceOptions,
) -> int:  # fmt: skip
    """Deploy the functions of a stack to a gateway."""
    if (image or name) and not stack.files:
        if not (image and name):
            raise UsageError("a function without a stack file needs both `--image` and `--name`")
        single = Function(
            name=name, image=image, fprocess=fprocess, limits=resources.limits, requests=resources.requests
        )
        opened = Stack(provider=Provider(name="openfaas"), functions={name: single})
        tag = ""
    else:
        opened = stack.open()
    functions = select(opened, stack.pattern, stack.regex)
    client = gateway.connect(opened, timeout=deploy.timeout, warn=console)
    return 0 if deploy_all(client, functions, replace(deploy, tag=tag), console) else EXIT_FAILED
