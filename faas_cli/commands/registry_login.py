"""`faas registry-login`: write a registry's credentials where builders look for them."""

from __future__ import annotations

import sys

import click

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options.syntax import FaasCommand, option, pass_console, switch
from faas_cli.registry.auth import ecr_config, password_config, write_registry_config


@click.command(cls=FaasCommand)
@option("--server", default="https://index.docker.io/v1/", show_default=True, metavar="URL", help="Registry.")
@option("-u", "--username", default="", metavar="NAME", help="User.")
@option("--password", default="", metavar="PASSWORD", help="Password; visible to other users of this machine.")
@switch("-s", "--password-stdin", help="Read the password from standard input.")
@switch("--ecr", help="Use the ECR credential helper.")
@option("--account-id", default="", metavar="ID", help="AWS account (with --ecr).")
@option("--region", default="", metavar="NAME", help="AWS region (with --ecr).")
@pass_console
def command(
    console: Console, server: str, username: str, password: str, password_stdin: bool, ecr: bool, account_id: str,
    region: str,
) -> None:  # fmt: skip
    """Write `./credentials/config.json` for a registry, readable only by you."""
    if ecr:
        if not account_id or not region:
            raise UsageError("`--ecr` needs `--account-id` and `--region`")
        content = ecr_config(account_id, region)
    else:
        if password and password_stdin:
            raise UsageError("`--password` and `--password-stdin` exclude each other")
        password = (sys.stdin.read() if password_stdin else password).strip()
        if not username or not password:
            raise UsageError("user and password must not be empty", hint="pipe the password in: `--password-stdin`")
        content = password_config(server, username, password)
    console.data(f"\nWrote ./{write_registry_config(content)}..OK")
