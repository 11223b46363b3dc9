"""`faas version`: this tool, the gateway and its provider."""

from __future__ import annotations

import click

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import LOGO, Console
from faas_cli.errors import FaasError
from faas_cli.options import FaasCommand, gateway_options, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime import __version__
from faas_runtime.core.api import GatewayInfo


@click.command(cls=FaasCommand)
@switch("--short-version", help="This tool's version and nothing else.")
@switch("--warn-update", default=True, help="Accepted for compatibility; nothing is looked up.")
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to take the gateway from.")
@switch("--envsubst", default=True, help="Expand ${VARIABLES} in the stack file.")
@gateway_options
@output_options
def command(
    short_version: bool, warn_update: bool, stack_file: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, form: str,
) -> None:  # fmt: skip
    """Show the versions of this tool, the gateway and its provider."""
    console = Console()
    if short_version:
        console.data(__version__)
        return
    from faas_cli.gateway.client import connect

    client = connect(
        gateway, stack_nearby(stack_file, envsubst=envsubst), token=token, tls_no_verify=tls_no_verify, timeout=5
    )
    info: GatewayInfo | None = None
    try:
        info = client.info()
    except FaasError:
        if form != TABLE:
            raise
    if form != TABLE:
        console.data(structured(_values(client.gateway, info), form))
        return
    console.banner(LOGO)
    console.data(f"\nCLI:\n commit:  \n version: {__version__}")
    if info is None:
        console.info(f"no gateway answers at {client.gateway}")
        return
    gateway_version, provider = info.version, info.provider
    console.data(
        f"\nGateway\n uri:     {client.gateway}\n version: {gateway_version.release}\n sha:     {gateway_version.sha}"
    )
    console.data(f"\nProvider\n name:          {provider.provider}\n orchestration: {provider.orchestration}")
    console.data(f" version:       {provider.version.release}\n sha:           {provider.version.sha}")


def _values(gateway: str, info: GatewayInfo | None) -> dict[str, dict[str, str]]:
    values = {"cli": {"commit": "", "version": __version__}}
    if info is not None:
        values["gateway"] = {"uri": gateway, "version": info.version.release, "sha": info.version.sha}
        values["provider"] = {
            "name": info.provider.provider,
            "orchestration": info.provider.orchestration,
            "version": info.provider.version.release,
            "sha": info.provider.version.sha,
        }
    return values
