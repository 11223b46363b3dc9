"""Completion scripts of shells."""

from __future__ import annotations

from click.shell_completion import get_completion_class

from faas_cli.cli import root


def completion_script(shell: str) -> str:
    """The completion script for `bash`, `zsh` or `fish`. Raises ValueError for another shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(f"no completion for `{shell}`")
    return kind(root, {}, "faas", "_FAAS_COMPLETE").source()
