"""`faas store`: functions that can be deployed as they are."""

from __future__ import annotations

import textwrap
from typing import Any

import click
import msgspec

from faas_cli.commands.deploy import deploy_flags, deploy_one, flags_of, warn_plain_http
from faas_cli.console import Console
from faas_cli.deployment.function_store import StoreFunction, find_function, own_platform, read_functions
from faas_cli.deployment.request import deployment_of
from faas_cli.options import FaasGroup, gateway_options, namespace_option, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.model import Function, Resources

_URL = click.option("-u", "--url", default="", help="Address of the store.")
_PLATFORM = click.option("-p", "--platform", default=None, help="Platform of the image; this machine's unless set.")


@click.group(cls=FaasGroup, aliases={"ls": "list", "inspect": "describe"})
def command() -> None:
    """Find and deploy functions of a store."""


@command.command(name="list")
@_URL
@_PLATFORM
@switch("-v", "--verbose", default=True, help="Whole descriptions.")
@output_options
def list_functions(url: str, platform: str | None, verbose: bool, form: str) -> None:
    """List the functions for a platform."""
    console = Console()
    wanted = platform or own_platform()
    functions = read_functions(url)
    found = [function for function in functions if function.image_for(wanted)]
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(found), form))
        return
    if not found:
        known = sorted({key for function in functions for key in function.images})
        console.data(f"No functions for {wanted}; there are some for: {', '.join(known)}")
        return
    rows = [["FUNCTION", "AUTHOR", "DESCRIPTION"]]
    rows += [[each.name, each.author or "unknown", each.title if verbose else _short(each.title)] for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    console.data("\n" + "\n".join(lines) + "\n")


@command.command()
@click.argument("name")
@_URL
@_PLATFORM
@output_options
def describe(name: str, url: str, platform: str | None, form: str) -> None:
    """Show one function."""
    console = Console()
    wanted = platform or own_platform()
    function = find_function(name, url, wanted)
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(function), form))
        return
    pairs = [
        ("Title", function.title),
        ("Author", function.author or "unknown"),
        ("Description", "\n" + textwrap.fill(function.description, 80)),
        ("Image", function.image_for(wanted)),
        ("Process", function.fprocess),
        ("Repo URL", function.repo_url),
    ]
    for label, value in pairs:
        if value.strip():
            console.data(f"{label + ':':<13}{value}")
    for label, values in (("Environment", function.environment), ("Labels", function.labels)):
        if values:
            console.data(f"{label}:")
            for key, value in sorted(values.items()):
                console.data(f" {key}: {value}")


@command.command()
@click.argument("name")
@_URL
@_PLATFORM
@gateway_options
@namespace_option
@click.option("--name", "rename", default="", help="Another name for it.")
@click.option("--memory-limit", default="", help="Its most memory.")
@click.option("--cpu-limit", default="", help="Its most CPU.")
@click.option("--memory-request", default="", help="Memory to reserve for it.")
@click.option("--cpu-request", default="", help="CPU to reserve for it.")
@deploy_flags
def deploy(
    name: str, url: str, platform: str | None,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str, rename: str,
    memory_limit: str, cpu_limit: str, memory_request: str, cpu_request: str, **flags: Any,
) -> None:  # fmt: skip
    """Deploy a function of the store; flags win over what the store says."""
    from faas_cli.gateway.client import connect

    console = Console()
    found = find_function(name, url, platform or own_platform())
    function = function_of(found, platform or own_platform(), rename)
    function.limits = Resources(memory=memory_limit, cpu=cpu_limit)
    function.requests = Resources(memory=memory_request, cpu=cpu_request)
    wanted = flags_of(flags, tag="", namespace=namespace)
    client = connect(gateway, None, token=token, tls_no_verify=tls_no_verify, timeout=flags["timeout"])
    warn_plain_http(client.gateway, console)
    deployment = deployment_of(function, wanted)
    status = deploy_one(client, deployment, update=flags["update"], replace=flags["replace"])
    suffix = f".{namespace}" if namespace else ""
    console.data(f"\nDeployed. {status} Accepted.\nURL: {client.gateway}/function/{function.name}{suffix}\n")


def function_of(found: StoreFunction, platform: str, rename: str) -> Function:
    """A store's entry as a function of a stack."""
    return Function(
        name=rename or found.name,
        image=found.image_for(platform),
        fprocess=found.fprocess,
        environment=dict(found.environment),
        labels=dict(found.labels),
        annotations=dict(found.annotations),
        readonly_root_filesystem=found.read_only,
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
