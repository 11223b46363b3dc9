"""`faas gateway`: the gateway of this machine."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.commands.gateway.install import install, uninstall
from faas_cli.commands.gateway.start import run, start
from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.local import process
from faas_cli.options import FaasGroup, absolute_state_dir, state_dir_option

_WORKERS = click.IntRange(1, 64)
_LOG_FORMATS = click.Choice(["off", "text", "json"])


@click.group(cls=FaasGroup)
def command() -> None:
    """Start and stop the gateway of this machine."""


for subcommand in (start, run, install, uninstall):
    command.add_command(subcommand)


@command.command()
@state_dir_option
def stop(state_dir: Path | None) -> None:
    """Stop the gateway, once running calls are finished."""
    stopped = process.stop(absolute_state_dir(state_dir))
    Console().data("Gateway stopped." if stopped else "No gateway is running.")


@command.command()
@state_dir_option
@click.option("--access-log", type=_LOG_FORMATS, default=None, help="Log every request, other than before.")
@click.option("--workers", type=_WORKERS, default=None, help="Processes of the proxy, other than before.")
def restart(state_dir: Path | None, access_log: str | None, workers: int | None) -> None:
    """Put a new gateway in the place of the one that runs; no connection is refused meanwhile.

    The new one is started in the same way, takes over the sockets, and the old one finishes its calls.
    If the new one does not come up, the old one goes on.
    """
    from faas_cli.gateway.local import restart

    more = ["--access-log", access_log] if access_log else []
    more += ["--workers", str(workers)] if workers else []
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
