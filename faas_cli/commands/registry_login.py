"""`faas registry-login`: write a registry's credentials where builders look for them."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import click

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options import FaasCommand, switch
from faas_runtime.core.files import write_file

FOLDER = Path("credentials")


@click.command(cls=FaasCommand)
@click.option("--server", default="https://index.docker.io/v1/", show_default=True, help="The registry.")
@click.option("-u", "--username", default="", help="User.")
@click.option("--password", default="", help="Password; every user of this machine can see it here.")
@switch("-s", "--password-stdin", help="Read the password from standard input.")
@switch("--ecr", help="Let the ECR credential helper answer.")
@click.option("--account-id", default="", help="Account (with --ecr).")
@click.option("--region", default="", help="Region (with --ecr).")
def command(
    server: str, username: str, password: str, password_stdin: bool, ecr: bool, account_id: str, region: str
) -> None:
    """Write `./credentials/config.json` for a registry, readable by you alone."""
    if ecr:
        if not account_id or not region:
            raise UsageError("`--ecr` needs `--account-id` and `--region`")
        host = f"{account_id}.dkr.ecr.{region}.amazonaws.com"
        content: dict[str, Any] = {"credsStore": "ecr-login", "credHelpers": {host: "ecr-login"}}
    else:
        if password and password_stdin:
            raise UsageError("`--password` and `--password-stdin` cannot be used together")
        password = (sys.stdin.read() if password_stdin else password).strip()
        if not username or not password:
            raise UsageError("user and password must not be empty", hint="pipe the password in: `--password-stdin`")
        content = {"auths": {server: {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}}}
    path = FOLDER / "config.json"
    write_file(path, json.dumps(content, indent=1), mode=0o600)
    Console().data(f"\nWrote ./{path}..OK")
