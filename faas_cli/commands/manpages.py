"""`faas manpages`: for packagers, and for `man faas`."""

from __future__ import annotations

from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.options.syntax import FaasCommand, pass_console


@click.command(cls=FaasCommand)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@pass_console
def command(console: Console, folder: Path) -> None:
    """Write manual pages of all commands to FOLDER, for example ~/.local/share/man/man1."""
    from faas_cli.help.manual import pages

    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for name, text in pages():
        (folder / name).write_text(text, encoding="utf-8")
        number += 1
    console.data(f"Wrote {number} manual pages: {folder}")
