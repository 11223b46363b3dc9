"""`faas version`: versions of the CLI, the gateway and its provider."""

from __future__ import annotations

import click

from faas_cli.console import LOGO, Console
from faas_cli.errors import FaasError
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.stack import stack_file_option
from faas_cli.options.syntax import FaasCommand, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.select import StackOptions
from faas_runtime import __version__
from faas_runtime.core.api import GatewayInfo


@click.command(cls=FaasCommand)
@switch("--short-version", help="Print only the version of the CLI.")
@switch("--warn-update", default=True, expose_value=False, help="Accepted for compatibility; nothing is looked up.")
@switch("--envsubst", default=True, expose_value=False, help="Accepted for compatibility.")
@output_options
@stack_file_option()
@gateway_options
@pass_console
def command(
    console: Console, short_version: bool, output_format: str, stack: StackOptions, gateway: GatewayOptions
) -> None:  # fmt: skip
    """Print the versions of the CLI, the gateway and its provider."""
    if short_version:
        console.data(__version__)
        return
    client = gateway.connect(stack.nearby(), timeout=5)
    info: GatewayInfo | None = None
    try:
        info = client.info()
    except FaasError:
        if output_format != TABLE:
            raise
    if output_format != TABLE:
        console.data(structured(_values(client.gateway, info), output_format))
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
