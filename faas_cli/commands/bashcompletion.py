"""`faas bashcompletion FILE`: the old way to get the completion script of bash."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.commands.completion import script
from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.options import FaasCommand


@click.command(cls=FaasCommand, hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Write the completion script of bash into FILE."""
    try:
        file.write_text(script("bash") + "\n", encoding="utf-8")
    except OSError as err:
        raise FaasError(f"`{file}` cannot be written: {err.strerror}") from None
    Console().info("note: `faas completion --shell bash` prints the script")
