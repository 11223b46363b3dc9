"""`-f`, `--filter`, `--regex`, `--envsubst`, `--env-file`: which stack file, which of its functions."""

from __future__ import annotations

from collections.abc import Callable

import click

from faas_cli.options.syntax import Decorated, gathered, offered, option, switch
from faas_cli.stack.select import StackOptions

_SECTION = "Stack options"


def _use_env_files(ctx: click.Context, param: click.Parameter, files: tuple[str, ...]) -> None:
    if files:
        from pathlib import Path

        from faas_cli.stack.variables import use_file

        for name in files:
            use_file(Path(name))


stack_options = gathered(
    "stack",
    StackOptions,
    option(
        "-f",
        "--yaml",
        "files",
        multiple=True,
        metavar="FILE",
        section=_SECTION,
        help="Stack file or http(s) URL. Repeat it to merge further files over the first.",
    ),
    option(
        "--filter",
        "pattern",
        default="",
        metavar="PATTERN",
        section=_SECTION,
        shell_complete=offered("stack_functions"),
        help="Only functions whose name matches; `*` matches any text.",
    ),
    option("--regex", default="", metavar="REGEX", section=_SECTION, help="Only functions whose name matches."),
    switch("--envsubst", default=True, section=_SECTION, help="Expand ${VARIABLES} in the stack file."),
    option(
        "--env-file",
        multiple=True,
        expose_value=False,
        callback=_use_env_files,
        metavar="FILE",
        section=_SECTION,
        help="File of NAME=value variables for the stack file.",
    ),
)
"""The command receives `stack`, a `StackOptions`."""


def _of_file(stack_file: str) -> StackOptions:
    return StackOptions((stack_file,) if stack_file else ())


def stack_file_option(*names: str) -> Callable[[Decorated], Decorated]:
    """The stack file alone, for commands that only read the gateway's URL from it; they receive `stack`."""
    shown = option(
        *(names or ("-f", "--yaml")),
        "stack_file",
        default="",
        metavar="FILE",
        help="Stack file with the gateway.",
    )
    return gathered("stack", _of_file, shown)
