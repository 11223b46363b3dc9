"""`faas ci`: pipelines for hosted services."""

from __future__ import annotations

import click

from faas_cli.ci import SERVICES, write_pipeline
from faas_cli.console import Console
from faas_cli.options import FaasGroup


@click.group(cls=FaasGroup)
def command() -> None:
    """Write a pipeline that builds, tests, pushes and deploys."""


@command.command()
@click.option("--service", type=click.Choice(sorted(SERVICES)), default="github", show_default=True)
def init(service: str) -> None:
    """Write a pipeline for this project."""
    Console().data(f"Pipeline written: {write_pipeline(service)}")
