"""`faas secret`: the secrets of a gateway."""

from __future__ import annotations

import base64
import secrets as random_secrets
from pathlib import Path

import click

from faas_cli.commands.secret.seal import keygen, seal, unseal
from faas_cli.console import Console
from faas_cli.deployment.secrets import apply_folder, check_name, read_secret
from faas_cli.errors import EXIT_FAILED, GatewayError, UsageError
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.syntax import FaasGroup, Integer, option, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.sealing import write_private


@click.group(
    cls=FaasGroup, aliases={"u": "update", "ls": "list", "rm": "remove", "delete": "remove", "gen": "generate"}
)
def command() -> None:
    """Create, update, list, remove and seal secrets."""


for subcommand in (keygen, seal, unseal):
    command.add_command(subcommand)

_literal = option(
    "--from-literal", default=None, metavar="VALUE", help="Value; visible to other users of this machine."
)
_file = option(
    "--from-file", default=None, type=click.Path(path_type=Path), metavar="FILE", help="File with the value."
)
_trim = switch("--trim", default=True, help="Trim white space at both ends.")


@command.command()
@click.argument("name")
@_literal
@_file
@_trim
@switch("--replace", help="Replace an existing secret.")
@gateway_options
@namespace_option
@pass_console
def create(
    console: Console, name: str, from_literal: str | None, from_file: Path | None, trim: bool, replace: bool,
    gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Create the secret NAME from a literal, a file or standard input."""
    check_name(name)
    secret = read_secret(name, namespace, from_literal, from_file, console, trim=trim)
    client = gateway.connect(warn=console)
    # The dot stays without a namespace: scripts match the line of faas-cli.
    console.data(f"Creating secret: {name}.{namespace}")
    status = client.create_secret(secret)
    if status != 409:
        console.data(f"Created: {status} Created")
        return
    if not replace:
        raise GatewayError(f"the secret `{name}` already exists", hint="add `--replace`, or use `faas secret update`")
    console.data(f"Updated: {client.update_secret(secret)} Accepted")


@command.command()
@click.argument("name")
@_literal
@_file
@_trim
@gateway_options
@namespace_option
@pass_console
def update(
    console: Console, name: str, from_literal: str | None, from_file: Path | None, trim: bool,
    gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Update the value of the secret NAME."""
    secret = read_secret(name, namespace, from_literal, from_file, console, trim=trim)
    console.data(f"Updating secret: {name}")
    console.data(f"Updated: {gateway.connect(warn=console).update_secret(secret)} Accepted")


@command.command(name="list")
@output_options
@gateway_options
@namespace_option
@pass_console
def list_secrets(console: Console, output_format: str, gateway: GatewayOptions, namespace: str) -> None:
    """List the names of the secrets."""
    found = gateway.connect(warn=console).secrets(namespace)
    if output_format != TABLE:
        rows = [{"name": secret.name, "namespace": secret.namespace} for secret in found]
        console.data(structured(rows, output_format))
    elif not found:
        console.data("No secrets found.")
    else:
        console.data("\nNAME\n" + "\n".join(sorted(secret.name for secret in found)) + "\n")


@command.command()
@click.argument("name")
@gateway_options
@namespace_option
@pass_console
def remove(console: Console, name: str, gateway: GatewayOptions, namespace: str) -> None:
    """Remove the secret NAME."""
    gateway.connect(warn=console).delete_secret(name, namespace)
    console.data("Removed.. OK.")


@command.command()
@_trim
@gateway_options
@namespace_option
@pass_console
def apply(console: Console, trim: bool, gateway: GatewayOptions, namespace: str) -> int:
    """Create or update a secret from each file in `./.secrets`."""
    return 0 if apply_folder(gateway.connect(warn=console), namespace, console, trim=trim) else EXIT_FAILED


@command.command()
@option("--length", type=Integer(), default=32, show_default=True, help="Number of random bytes.")
@option("-o", "--output", default=None, type=click.Path(path_type=Path), metavar="FILE", help="File to write.")
@pass_console
def generate(console: Console, length: int, output: Path | None) -> None:
    """Generate a random secret, encoded in base64."""
    if length < 1:
        raise UsageError(f"`--length {length}` must be at least 1")
    value = base64.b64encode(random_secrets.token_bytes(length)).decode()
    if output is None:
        # Without a line feed in a pipe: it would become part of the secret.
        console.data(value, end="\n" if console.out.isatty() else "")
        return
    write_private(output, value)
    console.data(f"Wrote {length}-byte secret to {output}")
