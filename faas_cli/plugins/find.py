"""Plugins: a program `faas-NAME` on PATH, or `NAME` in `~/.openfaas/plugins`, is the command `NAME`."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import click

from faas_cli.console import Console
from faas_cli.options.syntax import pass_console

EXIT_CANNOT_START = 127

DEFAULT_REGISTRY = "ghcr.io/openfaasltd"
"""Default registry of plugins."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def plugin_folder() -> Path:
    """Where faas-cli keeps plugins."""
    return Path.home() / ".openfaas" / "plugins"


def find_plugin(name: str) -> str | None:
    """Path of a plugin's program, None when there is none. Built-in commands take precedence."""
    if not _NAME.fullmatch(name):
        return None
    own = plugin_folder() / name
    return str(own) if own.is_file() else shutil.which(f"faas-{name}")


def installed() -> dict[str, str]:
    """Every plugin by name, with its path."""
    found: dict[str, str] = {}
    for folder in reversed(os.environ.get("PATH", "").split(os.pathsep)):
        if folder and Path(folder).is_dir():
            for path in Path(folder).glob("faas-*"):
                # Our own second name is not a plugin.
                if path.name != "faas-cli" and os.access(path, os.X_OK):
                    found[path.name.removeprefix("faas-")] = str(path)
    if plugin_folder().is_dir():
        found |= {path.name: str(path) for path in plugin_folder().iterdir() if path.is_file()}
    return dict(sorted(found.items()))


def plugin_command(name: str, path: str) -> click.Command:
    """A command that executes the plugin: same streams, same signals, same exit code."""

    @click.command(name=name, context_settings={"ignore_unknown_options": True, "help_option_names": []})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @pass_console
    def run(console: Console, arguments: tuple[str, ...]) -> int:
        try:
            os.execv(path, [path, *arguments])  # noqa: S606
        except OSError as err:
            console.error(f"the plugin `{path}` cannot be started: {err.strerror}")
            return EXIT_CANNOT_START

    return run
