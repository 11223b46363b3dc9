"""`faas provider`: an engine of this machine, served for a gateway elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from faas_cli.gateway.local import process
from faas_cli.gateway.local.process import StartOptions
from faas_cli.options import FaasGroup
from faas_runtime.core.paths import default_state_dir

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(cls=FaasGroup)
def command() -> None:
    """Run functions for a gateway elsewhere."""


@command.command()
@click.option("--engine", type=click.Choice(process.ENGINES), default="process", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 for any.")
@click.option(
    "--state-dir",
    type=_FOLDER,
    default=None,
    help="Where everything is kept; $FAAS_STATE_DIR, else ~/.local/state/faas.",
)
@click.option("--secrets-dir", type=_FOLDER, default=None, help="Folder of basic-auth-user and basic-auth-password.")
@click.option("--no-auth", count=True, help="Ask nobody for user and password; twice with a public address.")
def serve(engine: str, host: str, port: int, state_dir: Path | None, secrets_dir: Path | None, no_auth: int) -> None:
    """Serve an engine's REST API and its functions in the foreground.

    \b
    faas provider serve --host 0.0.0.0                   on the machine that runs functions
    faas gateway start --provider-url http://HOST:8081   on the gateway's
    """
    folder = state_dir.expanduser().absolute() if state_dir else default_state_dir()
    StartOptions(folder, host, port, no_auth=no_auth).check()
    options = ["--engine", engine, "--state-dir", str(folder), "--host", host, "--port", str(port)]
    if secrets_dir is not None:
        options += ["--secrets-dir", str(secrets_dir.expanduser().absolute())]
    if no_auth:
        options.append("--no-auth")
    process.become([sys.executable, "-m", "faas_runtime.gateway", "provide", *options])
