"""`faas logout`: forget the credentials of a gateway."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.gateway.credentials import config_path, gateway_of, remove_credentials
from faas_cli.options import FaasCommand


@click.command(cls=FaasCommand)
@click.option("-g", "--gateway", default=None, help="Address of the gateway.")
def command(gateway: str | None) -> None:
    """Forget the saved credentials of a gateway."""
    url = gateway_of(gateway)
    if not remove_credentials(url):
        raise FaasError(f"no credentials are saved for {url} in `{config_path()}`")
    Console().data(f"credentials removed for {url}")
