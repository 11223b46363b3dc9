"""`faas namespace`: the namespaces of a gateway."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.gateway.client import GatewayClient, connect
from faas_cli.options import FaasGroup, Pair, gateway_options
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime.core.api import FunctionNamespace

# Every gateway takes a namespace for its own only with this mark.
_MARK = {"openfaas": "1"}


@click.group(cls=FaasGroup, aliases={"ls": "list", "rm": "remove", "delete": "remove"})
def command() -> None:
    """List, create, update and remove namespaces."""


def _client(gateway: str | None, token: str, tls_no_verify: bool) -> GatewayClient:
    return connect(gateway, None, token=token, tls_no_verify=tls_no_verify)


@command.command(name="list")
@gateway_options
@output_options
def list_namespaces(gateway: str | None, tls_no_verify: bool, token: str, form: str) -> None:
    """List all namespaces."""
    console = Console()
    names = _client(gateway, token, tls_no_verify).namespaces()
    if form != TABLE:
        console.data(structured(names, form))
        return
    console.data("Namespaces:")
    for name in names:
        console.data(f" - {name}")


@command.command()
@click.argument("name")
@gateway_options
def get(name: str, gateway: str | None, tls_no_verify: bool, token: str) -> None:
    """Show one namespace."""
    console = Console()
    found = _client(gateway, token, tls_no_verify).namespace(name)
    console.data(f"Name: {found.name}")
    for label, values in (("Labels", found.labels), ("Annotations", found.annotations)):
        if values:
            console.data(f"{label}:")
            for key, value in sorted(values.items()):
                console.data(f" {key}: {value}")


@command.command()
@click.argument("name")
@click.option("-l", "--label", "labels", type=Pair(), multiple=True, help="Label KEY=VALUE.")
@click.option("--annotation", "annotations", type=Pair(), multiple=True, help="Annotation KEY=VALUE.")
@gateway_options
def create(
    name: str, labels: tuple[tuple[str, str], ...], annotations: tuple[tuple[str, str], ...],
    gateway: str | None, tls_no_verify: bool, token: str,
) -> None:  # fmt: skip
    """Make the namespace NAME."""
    console = Console()
    console.data(f"Creating Namespace: {name}")
    namespace = FunctionNamespace(
        name=name, labels={**dict(labels), **_MARK}, annotations={**dict(annotations), **_MARK}
    )
    _client(gateway, token, tls_no_verify).put_namespace(namespace, create=True)
    console.data(f"Namespace Created: {name}")


@command.command()
@click.argument("name")
@click.option("-l", "--label", "labels", type=Pair(), multiple=True, help="Label KEY=VALUE.")
@click.option("--annotation", "annotations", type=Pair(), multiple=True, help="Annotation KEY=VALUE.")
@gateway_options
def update(
    name: str, labels: tuple[tuple[str, str], ...], annotations: tuple[tuple[str, str], ...],
    gateway: str | None, tls_no_verify: bool, token: str,
) -> None:  # fmt: skip
    """Replace labels and annotations of the namespace NAME."""
    console = Console()
    console.data(f"Updating Namespace: {name}")
    namespace = FunctionNamespace(
        name=name, labels={**dict(labels), **_MARK}, annotations={**dict(annotations), **_MARK}
    )
    _client(gateway, token, tls_no_verify).put_namespace(namespace, create=False)
    console.data(f"Namespace Updated: {name}")


@command.command()
@click.argument("name")
@gateway_options
def remove(name: str, gateway: str | None, tls_no_verify: bool, token: str) -> None:
    """Remove the namespace NAME and the functions in it."""
    console = Console()
    console.data(f"Deleting Namespace: {name}")
    _client(gateway, token, tls_no_verify).delete_namespace(name)
    console.data(f"Namespace Removed: {name}")
