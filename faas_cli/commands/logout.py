"""`faas logout`: delete the credentials of a gateway."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.credentials import config_path, gateway_of, remove_credentials
from faas_cli.options.gateway import gateway_option
from faas_cli.options.syntax import FaasCommand, pass_console


@click.command(cls=FaasCommand)
@gateway_option
@pass_console
def command(console: Console, gateway: str | None) -> None:
    """Delete the saved credentials of a gateway."""
    url = gateway_of(gateway)
    if not remove_credentials(url):
        raise FaasError(f"no credentials are saved for {url} in `{config_path()}`")
    console.data(f"credentials removed for {url}")
