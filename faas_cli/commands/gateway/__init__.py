"""`faas gateway`: the gateway of this machine."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.commands.gateway.install import install, uninstall
from faas_cli.commands.gateway.start import config, run, start
from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.local import process
from faas_cli.options.gateway import absolute_state_dir, state_dir_option
from faas_cli.options.settings import GivenSettings, setting_options
from faas_cli.options.syntax import FaasGroup, option, pass_console
from faas_runtime.core.settings import GATEWAY, arguments


@click.group(cls=FaasGroup)
def command() -> None:
    """Start, stop and install a gateway on this machine."""


for subcommand in (start, run, config, install, uninstall):
    command.add_command(subcommand)


@command.command()
@state_dir_option
@pass_console
def stop(console: Console, state_dir: Path | None) -> None:
    """Stop the gateway after its running calls have finished."""
    stopped = process.stop(absolute_state_dir(state_dir))
    console.data("Gateway stopped." if stopped else "No gateway is running.")


@command.command()
@state_dir_option
@setting_options(GATEWAY, "access_log", "workers", defaults=False)
@pass_console
def restart(console: Console, state_dir: Path | None, settings: GivenSettings) -> None:
    """Replace the running gateway by a new process, without refusing a connection.

    The new process starts with the same flags and those given here, reads `gateway.toml` again and takes over the
    sockets; the old one finishes its calls. If the new process fails to start, the old one keeps running.
    """
    from faas_cli.gateway.local import restart

    status = restart.restart(absolute_state_dir(state_dir), arguments(settings.given))
    console.data(f"Gateway: {status.url} (process {status.pid})")


@command.command()
@state_dir_option
@pass_console
def status(console: Console, state_dir: Path | None) -> None:
    """Show whether a gateway is running, and where; exit code 1 when none is."""
    folder = absolute_state_dir(state_dir)
    running = process.find(folder)
    if running is None:
        raise FaasError(f"no gateway is running in `{folder}`", hint="start one with `faas gateway start`")
    console.fields(
        [
            ("Gateway", running.url or "starting"),
            ("Metrics", running.metrics_url or "off"),
            ("Engine", running.engine),
            *_isolation(running.url),
            ("Process", running.pid),
            ("Since", running.started_at[:19].replace("T", " ") + " UTC" if running.started_at else "just now"),
            ("Password", "required" if running.auth else "not required"),
            ("State", folder),
            ("Log", process.log_path(folder)),
        ]
    )


def _isolation(url: str) -> list[tuple[str, str]]:
    """The line about isolation, for an engine that reports it and a gateway that answers."""
    from msgspec import UNSET

    from faas_cli.gateway.client import GatewayClient
    from faas_cli.gateway.credentials import load_credentials

    try:
        found = GatewayClient(url, load_credentials(url), timeout=2.0).info().provider.isolation if url else UNSET
    except FaasError:
        return []
    if not found:
        return []
    limits = f"; limits: {', '.join(found.limits)}" if found.limits else ""
    network = "network guarded" if found.guarded else "network not guarded"
    return [("Isolation", f"{found.wish} by default; this machine offers {found.level}, {network}{limits}")]


@command.command()
@state_dir_option
@option("-n", "--lines", type=click.IntRange(0), default=100, show_default=True, metavar="N", help="Number of lines.")
@option("-f", "--follow", is_flag=True, help="Follow the log.")
@pass_console
def logs(console: Console, state_dir: Path | None, lines: int, follow: bool) -> None:
    """Print the gateway's log."""
    for line in process.log_lines(absolute_state_dir(state_dir), lines, follow):
        console.data(line)
