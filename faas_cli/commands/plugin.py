"""`faas plugin`: further commands."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.options import FaasGroup, switch
from faas_cli.plugins.find import DEFAULT_REGISTRY, installed, plugin_folder

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's words, in OCI's."""


@click.group(cls=FaasGroup, aliases={"ls": "list"})
def command() -> None:
    """Show and fetch plugins: programs `faas-NAME` on PATH, or `NAME` in the plugin folder, are commands."""


@command.command(name="list")
def list_plugins() -> None:
    """List the plugins."""
    console = Console()
    found = installed()
    for name, path in found.items():
        console.data(f"{name}\t{path}")
    if not found:
        console.info(f"no plugins; put a program `faas-NAME` on PATH, or `NAME` into {plugin_folder()}")


@command.command()
@click.argument("name")
@click.option("--registry", default=DEFAULT_REGISTRY, show_default=True, help="Where its image is.")
@click.option("--version", default="latest", show_default=True, help="Tag, or digest (`sha256:...`), of the image.")
@click.option("--arch", default="", help="Architecture, by default this machine's.")
@click.option("--os", "system", default="", help="Operating system, by default this machine's.")
@click.option("--path", "folder", default="", help="Folder to put it into instead of the plugin folder.")
@switch("-v", "--verbose", help="Tell more.")
def get(name: str, registry: str, version: str, arch: str, system: str, folder: str, verbose: bool) -> None:
    """Fetch the plugin NAME out of an image; from then on it is the command `faas NAME`."""
    import os
    import platform
    import time

    from faas_cli.plugins.install import Platform, install, plugin_reference
    from faas_runtime.core.paths import host_architecture

    console = Console()
    image = plugin_reference(name, registry, version)
    wanted = Platform(system or platform.system().lower(), _ARCHITECTURES.get(arch, arch) or host_architecture())
    target = Path(os.path.expandvars(folder)).expanduser() if folder else plugin_folder()
    begun = time.monotonic()
    console.info(f"Fetching plugin: {name}")
    made = install(name, image, wanted, target)
    if verbose:
        console.info(f"{image} for {wanted}: {made.digest}")
    if folder:
        console.data(f"Wrote: {made.path}")
        return
    console.data(f"Downloaded in ({time.monotonic() - begun:.2f}s)\n\nUsage:\n  faas {name}")
