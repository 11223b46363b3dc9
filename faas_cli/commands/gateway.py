"""`faas gateway`: the gateway of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from faas_cli.commands.gateway_install import install, uninstall
from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.local import gateway_log, process
from faas_cli.gateway.local.process import StartOptions
from faas_cli.options import FaasGroup
from faas_runtime.core.paths import default_state_dir

_FILE = click.Path(dir_okay=False, path_type=Path)
_WORKERS = click.IntRange(1, 64)
_LOG_FORMATS = click.Choice(["off", "text", "json"])

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_STATE_DIR = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where everything is kept; $FAAS_STATE_DIR, else ~/.local/state/faas.",
)


def _start_options(function: Decorated) -> Decorated:
    for option in (
        click.option(
            "--callback-host",
            "callback_hosts",
            multiple=True,
            metavar="HOST",
            help="Let calls be answered there although its address is not public; may be repeated.",
        ),
        click.option(
            "--store-url",
            default=None,
            metavar="URL",
            help="Function store of the dashboard, empty for none; $OPENFAAS_STORE, else the public one.",
        ),
        click.option(
            "--queue-lease",
            type=click.FloatRange(3, 60),
            default=None,
            metavar="SECONDS",
            help="After so long without a sign of a gateway its asynchronous calls are made again; 60 unless given.",
        ),
        click.option("--nats", default="", metavar="URL", help="Keep asynchronous calls in NATS JetStream."),
        click.option("--tls-key", type=_FILE, default=None, help="Its key, where that is a file of its own."),
        click.option("--tls-cert", type=_FILE, default=None, help="Serve HTTPS with this certificate."),
        click.option(
            "--access-log",
            type=_LOG_FORMATS,
            default="off",
            show_default=True,
            help="Log every request.",
        ),
        click.option(
            "--provider-secrets-dir",
            type=click.Path(file_okay=False, path_type=Path),
            default=None,
            help="Folder of basic-auth-user and basic-auth-password for the provider.",
        ),
        click.option("--provider-url", default="", help="Let the provider at this address run the functions."),
        click.option(
            "--engine",
            type=click.Choice(process.ENGINES),
            default="process",
            show_default=True,
            help="What runs the functions.",
        ),
        click.option("--no-auth", count=True, help="Ask nobody for user and password; twice with a public address."),
        _STATE_DIR,
        click.option("--metrics-port", type=click.IntRange(0, 65535), default=8082, show_default=True),
        click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any."),
        click.option(
            "--workers",
            type=_WORKERS,
            default=1,
            show_default=True,
            help="Processes of the front door; one for each core is the most that helps.",
        ),
        click.option("--unix", type=_FILE, default=None, help="Listen on this Unix socket as well."),
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    ):
        function = option(function)
    return function


def _options(state_dir: Path | None, **values: Any) -> StartOptions:
    for name in ("provider_secrets_dir", "tls_cert", "tls_key", "unix"):
        # The gateway runs in a folder of its own.
        values[name] = values[name].expanduser().absolute() if values[name] else None
    return StartOptions(_state_dir(state_dir), **values)


def _state_dir(chosen: Path | None) -> Path:
    return chosen.expanduser().absolute() if chosen else default_state_dir()


@click.group(cls=FaasGroup)
def command() -> None:
    """Start and stop the gateway of this machine."""


command.add_command(install)
command.add_command(uninstall)


@command.command()
@_start_options
def start(**values: Any) -> None:
    """Start a gateway in the background and log in to it."""
    console = Console()
    options = _options(**values)
    running = process.find(options.state_dir)
    if running is not None:
        process.login(options.state_dir, running)
        console.data(f"Gateway runs already: {running.url or 'starting'} (process {running.pid})")
        return
    status = process.start(options)
    console.data(f"Gateway: {status.url}")
    console.data(f"Log:     {gateway_log.log_path(options.state_dir)}")


@command.command()
@_STATE_DIR
def stop(state_dir: Path | None) -> None:
    """Stop the gateway, once running calls are finished."""
    stopped = process.stop(_state_dir(state_dir))
    Console().data("Gateway stopped." if stopped else "No gateway is running.")


@command.command()
@_STATE_DIR
@click.option("--access-log", type=_LOG_FORMATS, default=None, help="Log every request, other than before.")
@click.option("--workers", type=_WORKERS, default=None, help="Processes of the front door, other than before.")
def restart(state_dir: Path | None, access_log: str | None, workers: int | None) -> None:
    """Put a new gateway in the place of the one that runs; no connection is refused meanwhile.

    The new one is started in the same way, takes over the sockets, and the old one finishes its calls.
    If the new one does not come up, the old one goes on.
    """
    from faas_cli.gateway.local import restart

    more = ["--access-log", access_log] if access_log else []
    more += ["--workers", str(workers)] if workers else []
    status = restart.restart(_state_dir(state_dir), more)
    Console().data(f"Gateway: {status.url} (process {status.pid})")


@command.command()
@_STATE_DIR
def status(state_dir: Path | None) -> None:
    """Show whether a gateway runs, and where; exit code 1 when none does."""
    console = Console()
    folder = _state_dir(state_dir)
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
        ("Log", str(gateway_log.log_path(folder))),
    ):
        console.data(f"{name + ':':<10} {value}")


@command.command()
@_STATE_DIR
@click.option("-n", "--lines", type=click.IntRange(0), default=100, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
def logs(state_dir: Path | None, lines: int, follow: bool) -> None:
    """Show what the gateway prints."""
    console = Console()
    for line in gateway_log.log_lines(_state_dir(state_dir), lines, follow):
        console.data(line)


@command.command()
@_start_options
def run(**values: Any) -> None:
    """Run a gateway in the foreground, for containers and service managers."""
    process.run(_options(**values))
