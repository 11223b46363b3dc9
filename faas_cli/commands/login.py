"""`faas login`: save the credentials of a gateway, once it has accepted them."""

from __future__ import annotations

import sys

import click

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.gateway.credentials import Credentials, gateway_of, save_credentials, warn_plain_http
from faas_cli.options.gateway import gateway_option, tls_option
from faas_cli.options.syntax import Duration, FaasCommand, option, pass_console, switch


@click.command(cls=FaasCommand)
@gateway_option
@tls_option
@option("-u", "--username", default="admin", show_default=True, metavar="NAME", help="User.")
@option("-p", "--password", default="", metavar="PASSWORD", help="Password; visible to other users of this machine.")
@switch("-s", "--password-stdin", help="Read the password from standard input.")
@option("--timeout", type=Duration(), default="5s", show_default=True, help="Timeout of the request to the gateway.")
@pass_console
def command(
    console: Console, gateway: str | None, tls_no_verify: bool, username: str, password: str, password_stdin: bool,
    timeout: float,
) -> None:  # fmt: skip
    """Check user and password with a gateway, and save them."""
    from faas_cli.gateway.client import GatewayClient

    if password and password_stdin:
        raise UsageError("`--password` and `--password-stdin` exclude each other")
    if password:
        console.warning("`--password` is visible to other users and in the shell's history; use `--password-stdin`")
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
