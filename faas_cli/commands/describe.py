"""`faas describe`: everything about one function."""

from __future__ import annotations

import click
import msgspec

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.errors import GatewayError
from faas_cli.options import FaasCommand, function_argument, gateway_options, namespace_option, stack_options, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.suggest import hint_for_function
from faas_runtime.core.api import FunctionResources, FunctionStatus


@click.command(cls=FaasCommand)
@function_argument()
@stack_options
@gateway_options
@namespace_option
@click.option("--name", "unused_name", default="", hidden=True, expose_value=False)
@switch("-v", "--verbose", help="Show what is empty, too.")
@output_options
def command(
    name: str, stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str, verbose: bool, form: str,
) -> None:  # fmt: skip
    """Show everything a gateway knows about the function NAME."""
    from faas_cli.gateway.client import connect

    console = Console()
    stack = stack_nearby(stack_file, envsubst=envsubst)
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify)
    try:
        function = client.get(name, namespace, usage=True)
    except GatewayError as err:
        if err.status == 404:
            err.hint = hint_for_function(client, name, namespace)
        raise
    suffix = f"{name}.{namespace}" if namespace else name
    url = f"{client.gateway}/function/{suffix}"
    async_url = f"{client.gateway}/async-function/{suffix}"
    if form != TABLE:
        console.data(structured(_values(function, url, async_url), form))
    else:
        for line in describe(function, url, async_url, verbose=verbose):
            console.data(line)


def describe(function: FunctionStatus, url: str, async_url: str, *, verbose: bool) -> list[str]:
    """The lines of the description; empty sections only when `verbose`."""
    pairs = [
        ("Name", function.name),
        ("Status", _status(function)),
        ("Replicas", str(function.replicas)),
        ("Available Replicas", str(function.available_replicas)),
        ("Invocations", f"{function.invocation_count:.0f}"),
        ("Image", function.image),
        ("Function Process", function.env_process or "<default>"),
        ("URL", url),
        ("Async URL", async_url),
        *([("Next Run", function.next_run)] if function.next_run else []),
    ]
    lines = [f"{label + ':':<20}{value}" for label, value in pairs]
    lines += _section("Labels", _pairs(function.labels), verbose)
    lines += _section("Annotations", _pairs(function.annotations), verbose)
    lines += _section("Constraints", [f" - {each}" for each in function.constraints], verbose)
    lines += _section("Environment", _pairs(function.env_vars), verbose)
    lines += _section("Secrets", [f" - {each}" for each in function.secrets], verbose)
    lines += _section("Requests", _resources(function.requests), verbose)
    lines += _section("Limits", _resources(function.limits), verbose)
    usage = function.usage
    if usage is not None:
        megabytes = usage.total_memory_bytes / (1024 * 1024)
        lines += _section("Usage", [f"  RAM:  {megabytes:.2f} MB", f"  CPU:  {usage.cpu:.0f} Mi"], verbose)
    return lines


def _status(function: FunctionStatus) -> str:
    return "Ready" if function.available_replicas > 0 else "Not Ready"


def _pairs(values: dict[str, str] | None) -> list[str]:
    return [f" {key}: {value}" for key, value in sorted((values or {}).items())]


def _resources(resources: FunctionResources | None) -> list[str]:
    if resources is None:
        return []
    lines = [f" CPU: {resources.cpu}"] if resources.cpu else []
    return [*lines, f" Memory: {resources.memory}"] if resources.memory else lines


def _section(label: str, lines: list[str], verbose: bool) -> list[str]:
    if lines:
        return [f"{label}:", *lines]
    return [f"{label + ':':<20}<none>"] if verbose else []


def _values(function: FunctionStatus, url: str, async_url: str) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(function)
    return fields | {
        "Status": _status(function),
        "InvocationCount": int(function.invocation_count),
        "URL": url,
        "AsyncURL": async_url,
    }
