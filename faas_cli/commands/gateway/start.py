"""`faas gateway start` and `run`: a gateway in the background or in the foreground."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from faas_cli.console import Console
from faas_cli.gateway.local import process
from faas_cli.gateway.local.process import StartOptions
from faas_cli.options import FaasCommand, absolute_state_dir, state_dir_option

_FILE = click.Path(dir_okay=False, path_type=Path)
_WORKERS = click.IntRange(1, 64)
_LOG_FORMATS = click.Choice(["off", "text", "json"])

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


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
        state_dir_option,
        click.option("--metrics-port", type=click.IntRange(0, 65535), default=8082, show_default=True),
        click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any."),
        click.option(
            "--workers",
            type=_WORKERS,
            default=1,
            show_default=True,
            help="Processes of the proxy; one for each core is the most that helps.",
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
    return StartOptions(absolute_state_dir(state_dir), **values)


@click.command(cls=FaasCommand)
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
    console.data(f"Log:     {process.log_path(options.state_dir)}")


@click.command(cls=FaasCommand)
@_start_options
def run(**values: Any) -> None:
    """Run a gateway in the foreground, for containers and service managers."""
    process.run(_options(**values))
