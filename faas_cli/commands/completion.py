"""`faas completion`: the completion script of a shell."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options.syntax import FaasCommand, option, pass_console

_SHELLS = ("bash", "zsh", "fish")


@click.command(cls=FaasCommand)
@click.argument("usage", required=False, metavar="[SHELL]")
@option("--shell", default="", metavar="[bash|zsh|fish]", help="Shell.")
@pass_console
def command(console: Console, usage: str | None, shell: str) -> None:
    """Print the completion script of a shell: `source <(faas completion --shell bash)`."""
    from faas_cli.help.completion_script import completion_script

    shell = shell or usage or ""
    if shell not in _SHELLS:
        problem = f"unknown shell `{shell}`" if shell else "`--shell` is missing"
        raise UsageError(problem, hint=f"it can be {', '.join(_SHELLS)}")
    console.data(completion_script(shell))
