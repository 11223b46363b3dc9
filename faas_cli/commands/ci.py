"""`faas ci`: pipelines for hosted services."""

from __future__ import annotations

import click

from faas_cli.ci import LOGINS, SERVICES, write_pipeline
from faas_cli.console import Console
from faas_cli.options import FaasGroup


@click.group(cls=FaasGroup)
def command() -> None:
    """Write a pipeline that builds, tests, pushes and deploys."""


@command.command()
@click.option("--service", type=click.Choice(sorted(SERVICES)), default="github", show_default=True)
@click.option(
    "--login", type=click.Choice(sorted(LOGINS)), default="password", show_default=True,
    help="How the pipeline logs in to the gateway: a password, or a client of an identity provider.",
)  # fmt: skip
def init(service: str, login: str) -> None:
    """Write a pipeline for this project."""
    Console().data(f"Pipeline written: {write_pipeline(service, login)}")
