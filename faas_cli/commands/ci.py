"""`faas ci`: pipelines for CI services."""

from __future__ import annotations

import click

from faas_cli.ci import LOGINS, SERVICES, local_origin, write_pipeline
from faas_cli.console import Console
from faas_cli.options.syntax import FaasGroup, option, pass_console


@click.group(cls=FaasGroup)
def command() -> None:
    """Write CI pipelines that build, test, push and deploy."""


@command.command()
@option("--service", type=click.Choice(sorted(SERVICES)), default="github", show_default=True, help="CI service.")
@option(
    "--login", type=click.Choice(sorted(LOGINS)), default="password", show_default=True,
    help="Login of the pipeline: a password, or a client of an identity provider.",
)  # fmt: skip
@pass_console
def init(console: Console, service: str, login: str) -> None:
    """Write a CI pipeline for this project."""
    path = write_pipeline(service, login)
    console.data(f"Pipeline written: {path}")
    if origin := local_origin():
        console.warning(
            f"its runner cannot install faas from {origin}; write an address that it can reach into the line "
            f"`pip install` of {path}"
        )
