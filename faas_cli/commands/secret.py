"""`faas secret`: the secrets of a gateway."""

from __future__ import annotations

import base64
import re
import secrets as random_secrets
import sys
from pathlib import Path

import click

from faas_cli.commands.deploy import warn_plain_http
from faas_cli.commands.seal import keygen, seal, unseal
from faas_cli.console import Console
from faas_cli.errors import EXIT_FAILED, FaasError, GatewayError, UsageError
from faas_cli.gateway.client import GatewayClient, connect
from faas_cli.options import FaasGroup, Integer, gateway_options, namespace_option, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.sealing import write_private
from faas_runtime.core.api import DEFAULT_NAMESPACE, Secret

FOLDER = Path(".secrets")

# A DNS subdomain, as Kubernetes wants it.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@click.group(
    cls=FaasGroup, aliases={"u": "update", "ls": "list", "rm": "remove", "delete": "remove", "gen": "generate"}
)
def command() -> None:
    """Create, update, list and remove secrets."""


command.add_command(keygen)
command.add_command(seal)
command.add_command(unseal)


def _client(gateway: str | None, token: str, tls_no_verify: bool) -> GatewayClient:
    client = connect(gateway, None, token=token, tls_no_verify=tls_no_verify)
    warn_plain_http(client.gateway, Console())
    return client


@command.command()
@click.argument("name")
@click.option("--from-literal", default=None, help="The value; other users of this machine can see it.")
@click.option("--from-file", default=None, type=click.Path(path_type=Path), help="File that holds the value.")
@switch("--trim", default=True, help="Cut white space at both ends.")
@switch("--replace", help="Replace a secret that is there.")
@gateway_options
@namespace_option
def create(
    name: str, from_literal: str | None, from_file: Path | None, trim: bool, replace: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
) -> None:  # fmt: skip
    """Store the secret NAME: from a literal, a file, or standard input."""
    console = Console()
    check_name(name)
    secret = read_secret(name, namespace, from_literal, from_file, trim=trim)
    client = _client(gateway, token, tls_no_verify)
    console.data(f"Creating secret: {name}{'.' + namespace if namespace else ''}")
    status = client.create_secret(secret)
    if status != 409:
        console.data(f"Created: {status} Created")
        return
    if not replace:
        raise GatewayError(f"there is a secret `{name}` already", hint="add `--replace`, or use `faas secret update`")
    console.data(f"Updated: {client.update_secret(secret)} Accepted")


@command.command()
@click.argument("name")
@click.option("--from-literal", default=None, help="The value; other users of this machine can see it.")
@click.option("--from-file", default=None, type=click.Path(path_type=Path), help="File that holds the value.")
@switch("--trim", default=True, help="Cut white space at both ends.")
@gateway_options
@namespace_option
def update(
    name: str, from_literal: str | None, from_file: Path | None, trim: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
) -> None:  # fmt: skip
    """Replace the value of the secret NAME."""
    console = Console()
    secret = read_secret(name, namespace, from_literal, from_file, trim=trim)
    console.data(f"Updating secret: {name}")
    console.data(f"Updated: {_client(gateway, token, tls_no_verify).update_secret(secret)} Accepted")


@command.command(name="list")
@gateway_options
@namespace_option
@output_options
def list_secrets(gateway: str | None, tls_no_verify: bool, token: str, namespace: str, form: str) -> None:
    """List the names of the secrets."""
    console = Console()
    found = _client(gateway, token, tls_no_verify).secrets(namespace)
    if form != TABLE:
        rows = [{"name": secret.name, "namespace": secret.namespace} for secret in found]
        console.data(structured(rows, form))
    elif not found:
        console.data("No secrets found.")
    else:
        console.data("\nNAME\n" + "\n".join(sorted(secret.name for secret in found)) + "\n")


@command.command()
@click.argument("name")
@gateway_options
@namespace_option
def remove(name: str, gateway: str | None, tls_no_verify: bool, token: str, namespace: str) -> None:
    """Remove the secret NAME."""
    _client(gateway, token, tls_no_verify).delete_secret(name, namespace)
    Console().data("Removed.. OK.")


@command.command()
@switch("--trim", default=True, help="Cut white space at both ends.")
@gateway_options
@namespace_option
def apply(trim: bool, gateway: str | None, tls_no_verify: bool, token: str, namespace: str) -> int:
    """Store every file of `./.secrets` as a secret; those that are there are replaced."""
    console = Console()
    if not FOLDER.is_dir():
        raise FaasError(f"there is no folder `{FOLDER}`", hint="put one file for each secret into it")
    files = sorted(path for path in FOLDER.iterdir() if path.is_file())
    if not files:
        console.info(f"`{FOLDER}` is empty: nothing to do")
    client = _client(gateway, token, tls_no_verify)
    failed = [path.name for path in files if not _apply_one(client, path, namespace, console, trim=trim)]
    if failed:
        console.error(f"not stored: {', '.join(failed)}")
    return EXIT_FAILED if failed else 0


@command.command()
@click.option("--length", type=Integer(), default=32, show_default=True, help="Random bytes.")
@click.option("-o", "--output", default=None, type=click.Path(path_type=Path), help="File to write.")
def generate(length: int, output: Path | None) -> None:
    """Make a random secret, in base64."""
    if length < 1:
        raise UsageError(f"`--length {length}` is not possible; 1 is the least")
    value = base64.b64encode(random_secrets.token_bytes(length)).decode()
    if output is None:
        click.echo(value, nl=sys.stdout.isatty())
        return
    write_private(output, value)
    Console().data(f"Wrote {length}-byte secret to {output}")


def check_name(name: str) -> None:
    """Raise UsageError unless `name` is a DNS subdomain."""
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise UsageError(f"`{name}` cannot be a secret's name: use lower-case letters, digits, `-` and `.`")


def read_secret(name: str, namespace: str, literal: str | None, file: Path | None, *, trim: bool) -> Secret:
    """The secret with its value from one of the three sources.

    A file's bytes go untrimmed into `raw_value`, as faas-cli sends them. Raises UsageError for two
    sources, FaasError for a file that cannot be read or an empty value.
    """
    if literal is not None and file is not None:
        raise UsageError("`--from-literal` and `--from-file` cannot be used together")
    raw = b""
    if literal is not None:
        text = literal
    elif file is not None:
        try:
            raw = file.read_bytes()
        except OSError as err:
            raise FaasError(f"`{file}` cannot be read: {err.strerror}") from None
        text = raw.decode("utf-8", "replace")
    else:
        if sys.stdin.isatty():
            Console().info("Reading from standard input - hit Control + D to stop.")
        text = sys.stdin.read()
    value = text.strip() if trim else text
    if not value:
        raise FaasError(f"the value of secret `{name}` is empty")
    return Secret(name=name, namespace=namespace, value=value, raw_value=base64.b64encode(raw).decode() if raw else "")


def _apply_one(client: GatewayClient, path: Path, namespace: str, console: Console, *, trim: bool) -> bool:
    if not _NAME.fullmatch(path.name):
        console.warning(f"`{path}` is left out: its name cannot be a secret's")
        return True
    if not path.read_bytes().strip():
        console.warning(f"`{path}` is left out: it is empty")
        return True
    secret = read_secret(path.name, namespace, None, path, trim=trim)
    try:
        status = client.create_secret(secret)
        if status == 409:
            status = client.update_secret(secret)
    except GatewayError as err:
        console.error(err.message, err.hint)
        return False
    console.data(f"Applied secret: {path.name}.{namespace or DEFAULT_NAMESPACE} ({status})")
    return True
