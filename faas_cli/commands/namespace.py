"""`faas namespace`: the namespaces of a gateway."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.syntax import FaasGroup, Pair, option, pass_console
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime.core.api import FunctionNamespace

# Gateways manage only namespaces with this label and annotation.
_MARK = {"openfaas": "1"}

_labels = option("-l", "--label", "labels", type=Pair(), multiple=True, help="Label.")
_annotations = option("--annotation", "annotations", type=Pair(), multiple=True, help="Annotation.")


@click.group(cls=FaasGroup, aliases={"ls": "list", "rm": "remove", "delete": "remove"})
def command() -> None:
    """List, create, update and remove namespaces."""


@command.command(name="list")
@output_options
@gateway_options
@pass_console
def list_namespaces(console: Console, output_format: str, gateway: GatewayOptions) -> None:
    """List namespaces."""
    names = gateway.connect().namespaces()
    if output_format != TABLE:
        console.data(structured(names, output_format))
        return
    console.data("Namespaces:")
    for name in names:
        console.data(f" - {name}")


@command.command()
@click.argument("name")
@gateway_options
@pass_console
def get(console: Console, name: str, gateway: GatewayOptions) -> None:
    """Show one namespace."""
    found = gateway.connect().namespace(name)
    console.data(f"Name: {found.name}")
    for label, values in (("Labels", found.labels), ("Annotations", found.annotations)):
        if values:
            console.data(f"{label}:")
            for key, value in sorted(values.items()):
                console.data(f" {key}: {value}")


@command.command()
@click.argument("name")
@_labels
@_annotations
@gateway_options
@pass_console
def create(
    console: Console, name: str, labels: tuple[tuple[str, str], ...], annotations: tuple[tuple[str, str], ...],
    gateway: GatewayOptions,
) -> None:  # fmt: skip
    """Create the namespace NAME."""
    console.data(f"Creating Namespace: {name}")
    gateway.connect().put_namespace(_namespace(name, labels, annotations), create=True)
    console.data(f"Namespace Created: {name}")


@command.command()
@click.argument("name")
@_labels
@_annotations
@gateway_options
@pass_console
def update(
    console: Console, name: str, labels: tuple[tuple[str, str], ...], annotations: tuple[tuple[str, str], ...],
    gateway: GatewayOptions,
) -> None:  # fmt: skip
    """Replace the labels and annotations of the namespace NAME."""
    console.data(f"Updating Namespace: {name}")
    gateway.connect().put_namespace(_namespace(name, labels, annotations), create=False)
    console.data(f"Namespace Updated: {name}")


@command.command()
@click.argument("name")
@gateway_options
@pass_console
def remove(console: Console, name: str, gateway: GatewayOptions) -> None:
    """Remove the namespace NAME and its functions."""
    console.data(f"Deleting Namespace: {name}")
    gateway.connect().delete_namespace(name)
    console.data(f"Namespace Removed: {name}")


def _namespace(
    name: str, labels: tuple[tuple[str, str], ...], annotations: tuple[tuple[str, str], ...]
) -> FunctionNamespace:
    return FunctionNamespace(name=name, labels={**dict(labels), **_MARK}, annotations={**dict(annotations), **_MARK})
