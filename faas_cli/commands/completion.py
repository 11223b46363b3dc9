"""`faas completion`: the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options import FaasCommand

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=FaasCommand)
@click.argument("usage", required=False)
@click.option("--shell", default="", help="bash, zsh or fish.")
def command(usage: str | None, shell: str) -> None:
    """Print the completion script of a shell: `source <(faas completion --shell bash)`."""
    shell = shell or usage or ""
    if shell not in SHELLS:
        asked = f"`{shell}` is not known" if shell else "which shell?"
        raise UsageError(asked, hint=f"`--shell` can be {', '.join(SHELLS)}")
    Console().data(script(shell))


def script(shell: str) -> str:
    """The completion script of one of `SHELLS`."""
    from faas_cli.cli import root

    kind = get_completion_class(shell)
    assert kind is not None
    return kind(root, {}, "faas", "_FAAS_COMPLETE").source()
