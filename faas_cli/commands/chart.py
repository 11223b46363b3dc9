"""`faas chart`: Helm charts as plain files."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.options import FaasGroup, switch


@click.group(cls=FaasGroup)
def command() -> None:
    """Work with Helm charts; `helm` must be installed."""


@command.command()
@click.argument("name", default="openfaas")
@click.option("-o", "--output", default="./yaml", show_default=True, help="Folder for the files, which is replaced.")
@click.option("-f", "--values", multiple=True, help="File with values for the chart.")
@click.option("--set", "sets", multiple=True, help="A value for the chart, KEY=VALUE.")
@click.option("-n", "--namespace", default="", help="Namespace to render for.")
@click.option("--release", default="openfaas", show_default=True, help="Name of the release.")
@switch("--crds", default=True, help="The definitions of its resources as well.")
def export(
    name: str, output: str, values: tuple[str, ...], sets: tuple[str, ...], namespace: str, release: str, crds: bool
) -> None:
    """Render the chart in `./chart/NAME` into one file for each resource."""
    import shlex

    from faas_cli.deployment import chart

    console = Console()
    line = chart.helm_command(name, release, values=values, sets=sets, namespace=namespace, definitions=crds)
    console.info(shlex.join(line))
    names = chart.export(chart.render(line), Path(output))
    for each in names:
        console.data(f"  wrote {each}")
    console.data(f"{len(names)} files in {output}")
