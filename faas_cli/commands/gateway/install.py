"""`faas gateway install` and `uninstall`: the gateway as a service that stays."""

from __future__ import annotations

from typing import Any

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.install import compose, layout, swarm
from faas_cli.gateway.install.layout import Layout
from faas_cli.gateway.install.systemd import UNIT, SystemdService
from faas_cli.gateway.local.options import setting_options
from faas_cli.options import FaasGroup
from faas_runtime.core.settings import GATEWAY

_HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
_PORT = click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
_NAME = click.option("--name", default="faas", show_default=True, help="Name of the installation.")
_IMAGE = click.option("--image", default="", help="Use this image of the gateway instead of building one.")
_PRINT = click.option("--print", "show", is_flag=True, help="Show what would be installed, and do nothing.")
_DATA = click.option("--volumes", is_flag=True, help="Remove functions, queue and metrics for good.")
_SYSTEM = click.option("--system", is_flag=True, help="A service of the system, not of the user.")


@click.group(cls=FaasGroup)
def install() -> None:
    """Install the gateway as a service that stays."""


@click.group(cls=FaasGroup)
def uninstall() -> None:
    """Remove an installed gateway."""


@install.command(name="compose")
@_HOST
@_PORT
@_NAME
@_IMAGE
@_PRINT
def install_compose(host: str, port: int, name: str, image: str, show: bool) -> None:
    """Gateway, NATS, Prometheus and Alertmanager as containers of the engine on this machine.

    The gateway's image is built from what is installed here. Once it answers, it is logged in to.
    """
    console = Console()
    chosen = Layout(name=name, host=host, port=port, **({"image": image} if image else {}))
    if show:
        compose.check_name(name)
        console.data(layout.rendered(layout.compose_document(chosen), layout.COMPOSE_EXPLANATION).rstrip())
        return
    url = compose.install(chosen, image, console.progress)
    console.data(f"Gateway: {url}")
    console.info(_next_steps(url, "compose", name))


@uninstall.command(name="compose")
@_NAME
@_DATA
def uninstall_compose(name: str, volumes: bool) -> None:
    """Remove the containers and networks; what is deployed is kept unless `--volumes` is given."""
    console = Console()
    if not compose.uninstall(name, volumes, console.progress):
        raise FaasError(f"nothing is installed as `{name}`")
    console.data(_removed(volumes))


@install.command(name="swarm")
@_PORT
@_NAME
@_IMAGE
@_PRINT
def install_swarm(port: int, name: str, image: str, show: bool) -> None:
    """Gateway, NATS, Prometheus and Alertmanager as services of the Swarm this machine's engine manages.

    They run on this manager, which publishes the port at all its addresses; functions run on every node.
    """
    console = Console()
    chosen = Layout(name=name, port=port, **({"image": image} if image else {}))
    if show:
        compose.check_name(name)
        console.data(layout.rendered(layout.stack_document(chosen), layout.STACK_EXPLANATION).rstrip())
        return
    url = swarm.install(chosen, image, console.progress)
    console.data(f"Gateway: {url}")
    console.info(_next_steps(url, "swarm", name))


@uninstall.command(name="swarm")
@_NAME
@_DATA
def uninstall_swarm(name: str, volumes: bool) -> None:
    """Remove the services; functions, which the Swarm keeps, go on unless `--volumes` is given."""
    if not swarm.uninstall(name, volumes, Console().progress):
        raise FaasError(f"nothing is installed as `{name}`")
    Console().data(_removed(volumes))


@install.command(name="systemd")
@setting_options(GATEWAY, "host", "port", "engine")
@_SYSTEM
@_PRINT
def install_systemd(system: bool, show: bool, **values: Any) -> None:
    """The gateway as a service of this machine, started with it.

    Other settings are read from `gateway.toml` in its state directory.
    """
    console = Console()
    service = SystemdService(system)
    text = service.unit({name: value for name, value in values.items() if value is not None})
    if show:
        console.data(text.rstrip())
        return
    console.data(f"Gateway: {service.install(text)}")
    console.data(f"Unit:    {service.path}")
    scope = "" if system else "--user "
    console.info(f"Logged in. Its log: `journalctl {scope}-u {UNIT}`.")


@uninstall.command(name="systemd")
@_SYSTEM
def uninstall_systemd(system: bool) -> None:
    """Stop the service and remove its unit; what is deployed is kept."""
    if not SystemdService(system).uninstall():
        raise FaasError(f"`{SystemdService(system).path}` is not there")
    Console().data("Removed; its state directory is kept.")


def _next_steps(url: str, kind: str, name: str) -> str:
    named = "" if name == "faas" else f" --name {name}"
    return (
        f"Logged in as {compose.USER}. Deploy to it with `faas deploy --gateway {url}`; "
        f"remove it with `faas gateway uninstall {kind}{named}`."
    )


def _removed(volumes: bool) -> str:
    return "Removed." if volumes else "Removed; the data is kept, `--volumes` would remove it."
