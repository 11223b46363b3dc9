"""`faas provider`: an engine of this machine, served for a remote gateway."""

from __future__ import annotations

import click

from faas_cli.gateway.local import process
from faas_cli.options.settings import GivenSettings, setting_options
from faas_cli.options.syntax import FaasGroup
from faas_runtime.core.settings import PROVIDER


@click.group(cls=FaasGroup)
def command() -> None:
    """Run functions for a remote gateway."""


@command.command()
@setting_options(PROVIDER)
def serve(settings: GivenSettings) -> None:
    """Serve an engine's REST API and its functions in the foreground.

    \b
    faas provider serve --host 0.0.0.0                   on the functions' machine
    faas gateway start --provider-url http://HOST:8081   on the gateway's machine

    Settings are also read from the environment and from `provider.toml` in the state directory.
    """
    process.become(process.command("provide", settings.configured().arguments()))
