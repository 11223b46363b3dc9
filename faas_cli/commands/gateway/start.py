"""`faas gateway start` and `run`: a gateway in the background or in the foreground; `config`: with which settings."""

from __future__ import annotations

from typing import Any

import click

from faas_cli.console import Console
from faas_cli.gateway.local import process
from faas_cli.options.settings import GivenSettings, setting_options
from faas_cli.options.syntax import FaasCommand, pass_console
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime.core.settings import GATEWAY

_EPILOG = """\
Every setting is also an environment variable (`FAAS_GATEWAY_IDLE_TIMEOUT`) and a key of `gateway.toml` in the state
directory (`idle_timeout = "30s"`). A flag comes first, then the environment, then the file."""


@click.command(cls=FaasCommand, help=f"Start a gateway in the background and log in to it.\n\n{_EPILOG}")
@setting_options(GATEWAY)
@pass_console
def start(console: Console, settings: GivenSettings) -> None:
    """Start a gateway in the background and log in to it."""
    options = settings.configured()
    running = process.find(options.state_dir)
    if running is not None:
        process.login(options.state_dir, running)
        console.data(f"Gateway runs already: {running.url or 'starting'} (process {running.pid})")
        return
    status = process.start(options.state_dir, options.arguments())
    console.data(f"Gateway: {status.url}")
    console.data(f"Log:     {process.log_path(options.state_dir)}")


@click.command(
    cls=FaasCommand, help=f"Run a gateway in the foreground, for containers and service managers.\n\n{_EPILOG}"
)
@setting_options(GATEWAY)
def run(settings: GivenSettings) -> None:
    """Run a gateway in the foreground, for containers and service managers."""
    process.become(process.command("run", settings.configured().arguments()))


@click.command(cls=FaasCommand)
@output_options
@setting_options(GATEWAY)
@pass_console
def config(console: Console, output_format: str, settings: GivenSettings) -> None:
    """Show every setting, and whether a flag, the environment, a file or the default gave its value.

    Without other flags than --state-dir these are the settings of the gateway that runs. Otherwise, and while none
    runs, they are those with which `faas gateway start` would start one.
    """
    options = settings.configured()
    running = process.find(options.state_dir) if not set(options.given) - {"state_dir"} else None
    rows = list(running.settings) if running is not None else []
    rows = rows or options.configuration.report()
    if output_format != TABLE:
        console.data(structured(rows, output_format))
        return
    width = max(len(row["name"]) for row in rows)
    texts = [", ".join(row["value"]) if isinstance(row["value"], list) else _text(row["value"]) for row in rows]
    column = min(40, max(map(len, texts)))
    for row, text in zip(rows, texts, strict=True):
        origin = f" {row['origin']}" if row["origin"] else ""
        console.data(f"{row['name']:<{width}}  {text:<{column}}  {row['source']}{origin}")


def _text(value: Any) -> str:
    """As TOML writes it, without quotes; nothing for none."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
