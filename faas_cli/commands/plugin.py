"""`faas plugin`: further commands."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.options.syntax import FaasGroup, option, pass_console, switch
from faas_cli.plugins.find import DEFAULT_REGISTRY, installed, plugin_folder

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's names, as OCI spells them."""


@click.group(cls=FaasGroup, aliases={"ls": "list"})
def command() -> None:
    """List and install plugins: programs `faas-NAME` on PATH, or `NAME` in the plugin folder."""


@command.command(name="list")
@pass_console
def list_plugins(console: Console) -> None:
    """List plugins."""
    found = installed()
    for name, path in found.items():
        console.data(f"{name}\t{path}")
    if not found:
        console.info(f"no plugins; put a program `faas-NAME` on PATH, or `NAME` into {plugin_folder()}")


@command.command()
@click.argument("name")
@option("--registry", default=DEFAULT_REGISTRY, show_default=True, metavar="HOST/OWNER", help="Registry of the image.")
@option("--version", default="latest", show_default=True, metavar="TAG", help="Tag or digest (`sha256:...`).")
@option("--arch", default="", metavar="ARCH", help="Architecture; this machine's by default.")
@option("--os", "system", default="", metavar="OS", help="Operating system; this machine's by default.")
@option("--path", "folder", default="", metavar="FOLDER", help="Install here instead of the plugin folder.")
@switch("-v", "--verbose", help="Print image, platform and digest.")
@pass_console
def get(
    console: Console, name: str, registry: str, version: str, arch: str, system: str, folder: str, verbose: bool
) -> None:
    """Install the plugin NAME from an image; it becomes the command `faas NAME`."""
    import os
    import platform
    import time

    from faas_cli.plugins.install import Platform, install, plugin_reference
    from faas_runtime.core.paths import host_architecture

    image = plugin_reference(name, registry, version)
    target = Platform(system or platform.system().lower(), _ARCHITECTURES.get(arch, arch) or host_architecture())
    to = Path(os.path.expandvars(folder)).expanduser() if folder else plugin_folder()
    begun = time.monotonic()
    console.info(f"Fetching plugin: {name}")
    made = install(name, image, target, to)
    if verbose:
        console.info(f"{image} for {target}: {made.digest}")
    if folder:
        console.data(f"Wrote: {made.path}")
        return
    console.data(f"Downloaded in ({time.monotonic() - begun:.2f}s)\n\nUsage:\n  faas {name}")
