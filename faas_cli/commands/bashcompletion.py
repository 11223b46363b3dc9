"""`faas bashcompletion FILE`: the old way to get the completion script of bash."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError
from faas_cli.options.syntax import FaasCommand, pass_console


@click.command(cls=FaasCommand, hidden=True)
@click.argument("file", type=click.Path(path_type=Path))
@pass_console
def command(console: Console, file: Path) -> None:
    """Write the completion script of bash to FILE."""
    from faas_cli.help.completion_script import completion_script

    try:
        file.write_text(completion_script("bash") + "\n", encoding="utf-8")
    except OSError as err:
        raise FaasError(f"`{file}` cannot be written: {err.strerror}") from None
    console.info("note: `faas completion --shell bash` prints the script")
