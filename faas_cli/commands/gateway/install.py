"""`faas gateway install` and `uninstall`: the gateway as a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.install import compose, layout, swarm
from faas_cli.gateway.install.layout import Layout
from faas_cli.gateway.install.systemd import UNIT, SystemdService
from faas_cli.options.settings import GivenSettings, setting_options
from faas_cli.options.syntax import FaasGroup, option, pass_console
from faas_runtime.core.settings import GATEWAY

_HOST = option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
_PORT = option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, metavar="PORT", help="Port to listen on."
)
_NAME = option("--name", default="faas", show_default=True, metavar="NAME", help="Name of the installation.")
_IMAGE = option("--image", default="", metavar="IMAGE", help="Gateway image; built from this installation by default.")
_PRINT = option("--print", "show", is_flag=True, help="Print what would be installed, install nothing.")
_DATA = option("--volumes", is_flag=True, help="Delete functions, queue and metrics as well.")
_SYSTEM = option("--system", is_flag=True, help="System service instead of user service.")


@click.group(cls=FaasGroup)
def install() -> None:
    """Install the gateway as a service."""


@click.group(cls=FaasGroup)
def uninstall() -> None:
    """Remove an installed gateway."""


@install.command(name="compose")
@_HOST
@_PORT
@_NAME
@_IMAGE
@_PRINT
@pass_console
def install_compose(console: Console, host: str, port: int, name: str, image: str, show: bool) -> None:
    """Install gateway, NATS, Prometheus and Alertmanager as containers of this machine's Docker Engine.

    The gateway's image is built from this installation. Its credentials are saved once it answers.
    """
    chosen = Layout(name=name, host=host, port=port)
    _install(console, compose, layout.compose_document, layout.COMPOSE_EXPLANATION, chosen, image, show)


@uninstall.command(name="compose")
@_NAME
@_DATA
@pass_console
def uninstall_compose(console: Console, name: str, volumes: bool) -> None:
    """Remove containers and networks; deployed functions are kept unless `--volumes` is given."""
    _uninstall(console, compose, name, volumes)


@install.command(name="swarm")
@_PORT
@_NAME
@_IMAGE
@_PRINT
@pass_console
def install_swarm(console: Console, port: int, name: str, image: str, show: bool) -> None:
    """Install gateway, NATS, Prometheus and Alertmanager as services of the Swarm this machine manages.

    They run on this manager, which publishes the port on all its addresses; functions run on every node.
    """
    chosen = Layout(name=name, port=port)
    _install(console, swarm, layout.stack_document, layout.STACK_EXPLANATION, chosen, image, show)


@uninstall.command(name="swarm")
@_NAME
@_DATA
@pass_console
def uninstall_swarm(console: Console, name: str, volumes: bool) -> None:
    """Remove the services; functions keep running in the Swarm unless `--volumes` is given."""
    _uninstall(console, swarm, name, volumes)


@install.command(name="systemd")
@setting_options(GATEWAY, "host", "port", "engine")
@_SYSTEM
@_PRINT
@pass_console
def install_systemd(console: Console, system: bool, show: bool, settings: GivenSettings) -> None:
    """Install the gateway as a systemd service that starts with this machine.

    Other settings are read from `gateway.toml` in its state directory.
    """
    service = SystemdService(system)
    text = service.unit(settings.given)
    if show:
        console.data(text.rstrip())
        return
    console.data(f"Gateway: {service.install(text)}")
    console.data(f"Unit:    {service.path}")
    scope = "" if system else "--user "
    console.info(f"Logged in. Its log: `journalctl {scope}-u {UNIT}`.")


@uninstall.command(name="systemd")
@_SYSTEM
@pass_console
def uninstall_systemd(console: Console, system: bool) -> None:
    """Stop the service and remove its unit; deployed functions are kept."""
    if not SystemdService(system).uninstall():
        raise FaasError(f"`{SystemdService(system).path}` does not exist")
    console.data("Removed; the state directory is kept.")


def _install(
    console: Console, engine: ModuleType, document: Callable[[Layout], Any], explanation: str, chosen: Layout,
    image: str, show: bool,
) -> None:  # fmt: skip
    """Install with this engine (`compose` or `swarm`), or only print its document."""
    if show:
        compose.check_name(chosen.name)
        chosen = replace(chosen, image=image) if image else chosen
        console.data(layout.rendered(document(chosen), explanation).rstrip())
        return
    url = engine.install(chosen, image, console.progress)
    console.data(f"Gateway: {url}")
    kind = engine.__name__.rpartition(".")[2]
    named = "" if chosen.name == "faas" else f" --name {chosen.name}"
    console.info(
        f"Logged in as {compose.USER}. Deploy to it with `faas deploy --gateway {url}`; "
        f"remove it with `faas gateway uninstall {kind}{named}`."
    )


def _uninstall(console: Console, engine: ModuleType, name: str, volumes: bool) -> None:
    if not engine.uninstall(name, volumes, console.progress):
        raise FaasError(f"nothing is installed as `{name}`")
    console.data("Removed." if volumes else "Removed; the data is kept (`--volumes` deletes it).")
