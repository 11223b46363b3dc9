"""`faas login`: save the credentials of a gateway, once it has accepted them."""

from __future__ import annotations

import sys

import click

from faas_cli.commands.deploy import warn_plain_http
from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.gateway.credentials import Credentials, gateway_of, save_credentials
from faas_cli.options import Duration, FaasCommand, switch


@click.command(cls=FaasCommand)
@click.option("-g", "--gateway", default=None, help="Address of the gateway.")
@click.option("-u", "--username", default="admin", show_default=True, help="User.")
@click.option("-p", "--password", default="", help="Password; every user of this machine can see it here.")
@switch("-s", "--password-stdin", help="Read the password from standard input.")
@click.option("--timeout", type=Duration(), default="5s", show_default=True, help="How long to wait for the gateway.")
@switch("--tls-no-verify", help="Do not check the gateway's certificate.")
def command(
    gateway: str | None, username: str, password: str, password_stdin: bool, timeout: float, tls_no_verify: bool
) -> None:
    """Check user and password with a gateway, and save them."""
    from faas_cli.gateway.client import GatewayClient

    console = Console()
    if password and password_stdin:
        raise UsageError("`--password` and `--password-stdin` cannot be used together")
    if password:
        console.warning("`--password` can be seen by other users and in the shell's history; use `--password-stdin`")
    elif password_stdin:
        password = sys.stdin.read()
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, err=True)
    password = password.strip()
    if not password or not username.strip():
        raise UsageError("user and password must not be empty", hint="pipe the password in: `--password-stdin`")
    url = gateway_of(gateway)
    warn_plain_http(url, console)
    console.data("Calling the gateway to validate the credentials...")
    credentials = Credentials(user=username.strip(), password=password)
    GatewayClient(url, credentials, verify=not tls_no_verify, timeout=timeout).functions()
    where = save_credentials(url, credentials.user, password)
    console.data(f"credentials saved for {credentials.user} {url}")
    console.info(f"They are in {where}.")
