"""`faas chart`: Helm charts as plain files."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.options.syntax import FaasGroup, option, pass_console, switch


@click.group(cls=FaasGroup)
def command() -> None:
    """Render Helm charts; needs `helm`."""


@command.command()
@click.argument("name", default="openfaas")
@option("-o", "--output", default="./yaml", show_default=True, metavar="FOLDER", help="Output folder; it is replaced.")
@option("-f", "--values", multiple=True, metavar="FILE", help="Values file.")
@option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Value.")
@option("-n", "--namespace", default="", metavar="NAME", help="Namespace to render for.")
@option("--release", default="openfaas", show_default=True, metavar="NAME", help="Name of the release.")
@switch("--crds", default=True, help="Include custom resource definitions.")
@pass_console
def export(
    console: Console, name: str, output: str, values: tuple[str, ...], sets: tuple[str, ...], namespace: str,
    release: str, crds: bool,
) -> None:  # fmt: skip
    """Render the chart in `./chart/NAME` into one file per resource."""
    import shlex

    from faas_cli.deployment import chart

    line = chart.helm_command(name, release, values=values, sets=sets, namespace=namespace, definitions=crds)
    console.info(shlex.join(line))
    names = chart.export(chart.render(line), Path(output))
    for each in names:
        console.data(f"  wrote {each}")
    console.data(f"{len(names)} files in {output}")
