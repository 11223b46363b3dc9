"""`faas gateway`: the gateway of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from faas_cli.commands.gateway.install import install, uninstall
from faas_cli.commands.gateway.start import config, run, start
from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.local import process
from faas_cli.gateway.local.options import SettingsCommand, setting_options
from faas_cli.options import FaasGroup, absolute_state_dir, state_dir_option
from faas_runtime.core.settings import GATEWAY, arguments


@click.group(cls=FaasGroup)
def command() -> None:
    """Start and stop the gateway of this machine."""


for subcommand in (start, run, config, install, uninstall):
    command.add_command(subcommand)


@command.command()
@state_dir_option
def stop(state_dir: Path | None) -> None:
    """Stop the gateway, once running calls are finished."""
    stopped = process.stop(absolute_state_dir(state_dir))
    Console().data("Gateway stopped." if stopped else "No gateway is running.")


@command.command(cls=SettingsCommand)
@state_dir_option
@setting_options(GATEWAY, "access_log", "workers", defaults=False)
def restart(state_dir: Path | None, **values: Any) -> None:
    """Replace the running gateway by a new process, without refusing a connection.

    The new one gets the flags of the old one and those given here, reads `gateway.toml` again, and takes over the
    sockets; the old one finishes its calls. If the new one does not come up, the old one continues.
    """
    from faas_cli.gateway.local import restart

    more = arguments({name: value for name, value in values.items() if value is not None})
    status = restart.restart(absolute_state_dir(state_dir), more)
    Console().data(f"Gateway: {status.url} (process {status.pid})")


@command.command()
@state_dir_option
def status(state_dir: Path | None) -> None:
    """Show whether a gateway runs, and where; exit code 1 when none does."""
    console = Console()
    folder = absolute_state_dir(state_dir)
    running = process.find(folder)
    if running is None:
        raise FaasError(f"no gateway is running in `{folder}`", hint="start one with `faas gateway start`")
    for name, value in (
        ("Gateway", running.url or "starting"),
        ("Metrics", running.metrics_url or "off"),
        ("Engine", running.engine),
        ("Process", str(running.pid)),
        ("Since", running.started_at[:19].replace("T", " ") + " UTC" if running.started_at else "just now"),
        ("Password", "asked for" if running.auth else "not asked for"),
        ("State", str(folder)),
        ("Log", str(process.log_path(folder))),
    ):
        console.data(f"{name + ':':<10} {value}")


@command.command()
@state_dir_option
@click.option("-n", "--lines", type=click.IntRange(0), default=100, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
def logs(state_dir: Path | None, lines: int, follow: bool) -> None:
    """Show what the gateway prints."""
    console = Console()
    for line in process.log_lines(absolute_state_dir(state_dir), lines, follow):
        console.data(line)
