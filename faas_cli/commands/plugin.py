"""`faas plugin`: further commands."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.flags import FaasGroup
from faas_cli.plugins import installed, plugin_folder


@click.group(cls=FaasGroup, aliases={"ls": "list"})
def command() -> None:
    """Show the plugins: programs `faas-NAME` on PATH, or `NAME` in the plugin folder, are commands."""


@command.command(name="list")
def list_plugins() -> None:
    """List the plugins."""
    console = Console()
    found = installed()
    for name, path in found.items():
        console.data(f"{name}\t{path}")
    if not found:
        console.info(f"no plugins; put a program `faas-NAME` on PATH, or `NAME` into {plugin_folder()}")
