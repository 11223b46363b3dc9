"""`faas store`: functions that can be deployed as they are."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import click
import msgspec

from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_one, report_deployed, warn_unserved
from faas_cli.deployment.function_store import find_function, function_of, own_platform, read_functions
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.options.deploy import ResourceOptions, deploy_options, resource_options
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.syntax import FaasGroup, option, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured

_url = option("-u", "--url", default="", metavar="URL", help="Function store; $OPENFAAS_STORE, else the public one.")
_platform = option("-p", "--platform", default=None, metavar="NAME", help="Platform; this machine's by default.")


@click.group(cls=FaasGroup, aliases={"ls": "list", "inspect": "describe"})
def command() -> None:
    """Find and deploy functions from a store."""


@command.command(name="list")
@_url
@_platform
@switch("-v", "--verbose", default=True, help="Print full descriptions.")
@output_options
@pass_console
def list_functions(console: Console, url: str, platform: str | None, verbose: bool, output_format: str) -> None:
    """List the functions for a platform."""
    chosen = platform or own_platform()
    functions = read_functions(url)
    found = [function for function in functions if function.image_for(chosen)]
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(found), output_format))
        return
    if not found:
        known = sorted({key for function in functions for key in function.images})
        console.data(f"No functions for {chosen}; there are some for: {', '.join(known)}")
        return
    console.data()
    console.table(
        ("FUNCTION", "AUTHOR", "DESCRIPTION"),
        [(each.name, each.author or "unknown", each.title if verbose else _short(each.title)) for each in found],
    )
    console.data()


@command.command()
@click.argument("name")
@_url
@_platform
@output_options
@pass_console
def describe(console: Console, name: str, url: str, platform: str | None, output_format: str) -> None:
    """Show one function."""
    chosen = platform or own_platform()
    function = find_function(name, url, chosen)
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(function), output_format))
        return
    console.fields(
        [
            ("Title", function.title),
            ("Author", function.author or "unknown"),
            ("Description", f"\n{wrapped}" if (wrapped := textwrap.fill(function.description, 80)) else ""),
            ("Image", function.image_for(chosen)),
            ("Process", function.fprocess),
            ("Repo URL", function.repo_url),
        ]
    )
    for label, values in (("Environment", function.environment), ("Labels", function.labels)):
        if values:
            console.data(f"{label}:")
            for key, value in sorted(values.items()):
                console.data(f" {key}: {value}")


@command.command()
@click.argument("name")
@_url
@_platform
@option("--name", "rename", default="", metavar="NAME", help="Rename the function.")
@gateway_options
@deploy_options
@resource_options
@pass_console
def deploy(
    console: Console, name: str, url: str, platform: str | None, rename: str,
    gateway: GatewayOptions, deploy: DeployOptions, resources: ResourceOptions,
) -> None:  # fmt: skip
    """Deploy the function NAME of the store; options override the store's values."""
    chosen = platform or own_platform()
    function = function_of(find_function(name, url, chosen), chosen, rename)
    function.limits, function.requests = resources.limits, resources.requests
    client = gateway.connect(timeout=deploy.timeout, warn=console)
    deployment = deployment_of(function, replace(deploy, tag=""))
    warn_unserved(client, [deployment], deploy, console)
    report_deployed(client, deployment, deploy_one(client, deployment, deploy), console)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
