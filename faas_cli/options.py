"""The flag syntax of faas-cli on top of click: `--flag=false`, `-n=value`, durations, maps, 2018's `-yaml`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from faas_runtime.core.durations import go_duration
from faas_runtime.core.paths import default_state_dir

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
GLOBAL_FLAGS = (("-f", "--yaml"), ("--filter",), ("--regex",))
"""Flags with a value that every command accepts, also in front of its name."""


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A length of time in Go's notation; the value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, or click's failure naming the flag."""
        if isinstance(value, (int, float)):
            return float(value)
        try:
            return go_duration(value)
        except ValueError:
            self.fail(f"`{value}` is not a duration; write for example `30s`, `1m30s` or `2h`", param, ctx)


class Integer(click.ParamType):  # type: ignore[type-arg]
    """A whole number as Go reads it: decimal, `0x`, `0o` or leading `0`, `0b`, `_` between digits."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or click's failure naming the flag."""
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            octal = re.fullmatch(r"[+-]?0[0-7_]+", text)
            return int(text, 8 if octal else 0)
        except ValueError:
            self.fail(f"`{value}` is not a whole number", param, ctx)


class Pair(click.ParamType):  # type: ignore[type-arg]
    """`KEY=VALUE`; the value is a tuple of the two, and may itself hold `=`."""

    name = "key=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Key and value, or click's failure naming the flag."""
        if isinstance(value, tuple):
            return value
        key, separator, content = str(value).partition("=")
        if not separator or not key or not content:
            self.fail(f"`{value}` must be of the form KEY=VALUE", param, ctx)
        return key, content


class FaasCommand(click.Command):
    """A command that reads flags as faas-cli does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = {name for param in self.params for name in param.opts}
        # faas-cli takes its global flags everywhere, also where they say nothing.
        self.params += [
            click.Option(names, hidden=True, expose_value=False) for names in GLOBAL_FLAGS if not known & set(names)
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put every accepted form into the one click knows, then let click parse."""
        return super().parse_args(ctx, list(self._normalised(ctx, args)))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's examples."""
        from faas_cli.help.examples import EXAMPLES

        examples = EXAMPLES.get(_words(ctx), ())
        if examples:
            with formatter.section("Examples"):
                for line in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")

    def _normalised(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {
            name: option
            for option in self.get_params(ctx)
            if isinstance(option, click.Option)
            for name in (*option.opts, *option.secondary_opts)
        }
        result: list[str] = []
        for number, argument in enumerate(args):
            if argument == "--":
                return result + args[number:]
            result += _one(argument, options)
        return result


def _words(ctx: click.Context) -> str:
    """What is typed behind `faas` for this command, without aliases."""
    words: list[str] = []
    while ctx.parent is not None:
        aliases = getattr(ctx.parent.command, "aliases", {})
        name = ctx.info_name or ""
        words.insert(0, aliases.get(name, name))
        ctx = ctx.parent
    return " ".join(words)


class FaasGroup(click.Group):
    """A command with subcommands, which may have further names; an unknown one gets the nearest."""

    command_class = FaasCommand

    def __init__(self, *args: Any, aliases: dict[str, str] | None = None, **options: Any) -> None:
        super().__init__(*args, **{"no_args_is_help": True, **options})
        self.aliases = aliases or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of this name or alias."""
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names when there is no such subcommand."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from difflib import get_close_matches

            near = get_close_matches(name, [*self.commands, *self.aliases], n=3, cutoff=0.6)
            meant = f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "see `--help`"
            raise click.UsageError(f"there is no command `{ctx.info_name} {name}`; {meant}", ctx)
        return super().resolve_command(ctx, args)


def _one(argument: str, options: dict[str, click.Option]) -> list[str]:
    name, equals, value = argument.partition("=")
    if re.fullmatch(r"-[a-z][a-z-]+", name) and f"-{name}" in options:
        sys.stderr.write(f"note: `{name}` is the old form of `-{name}`\n")
        name = f"-{name}"
        argument = name + equals + value
    option = options.get(name)
    if option is None or not equals:
        return [argument]
    if not option.is_flag:
        return [argument] if name.startswith("--") else [name, value]
    if value in _TRUE:
        return [name]
    if value in _FALSE:
        return option.secondary_opts[:1]
    raise click.UsageError(f"`{argument}`: `{name}` is either `true` or `false`")


def switch(*names: str, default: bool = False, help: str = "", **options: Any) -> Callable[[Decorated], Decorated]:
    """A boolean flag; one that is on unless told otherwise can also be given as `--no-NAME`."""
    if not default:
        return click.option(*names, is_flag=True, default=False, help=help, **options)
    long = next(name for name in names if name.startswith("--"))
    others = [name for name in names if name != long]
    shown = {"is_flag": True, "default": True, "show_default": True, "help": help, **options}
    return click.option(f"{long}/--no-{long[2:]}", *others, **shown)


def offered(kind: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """What a shell completes a value with: a function of `faas_cli.completion`, imported when it is asked for."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        from faas_cli import completion

        return getattr(completion, kind)(ctx, param, incomplete)

    return complete


def function_argument(*, required: bool = True) -> Callable[[Decorated], Decorated]:
    """The name of a deployed function; a shell completes it."""
    return click.argument("name", required=required, shell_complete=offered("function_names"))


def _use_env_files(ctx: click.Context, param: click.Parameter, files: tuple[str, ...]) -> None:
    if files:
        from faas_cli.stack.variables import use_file

        for name in files:
            use_file(Path(name))


def stack_options(command: Decorated) -> Decorated:
    """`-f`, `--filter`, `--regex`, `--envsubst` and `--env-file`: which stack file, which of its functions."""
    for option in (
        click.option(
            "--env-file",
            multiple=True,
            expose_value=False,
            callback=_use_env_files,
            help="File of variables NAME=value for the stack file.",
        ),
        switch("--envsubst", default=True, help="Expand ${VARIABLES} in the stack file."),
        click.option("--regex", default="", help="Only functions whose name matches this regular expression."),
        click.option(
            "--filter",
            "pattern",
            default="",
            shell_complete=offered("stack_functions"),
            help="Only functions whose name matches; `*` is any text.",
        ),
        click.option(
            "-f",
            "--yaml",
            "stack_file",
            multiple=True,
            callback=lambda ctx, param, files: "\n".join(files),
            help="Stack file, or its http(s) address; a further one is merged over it.",
        ),
    ):
        command = option(command)
    return command


def gateway_options(command: Decorated) -> Decorated:
    """`--gateway`, `--tls-no-verify` and `--token`: which gateway, and how to speak with it."""
    for option in (
        click.option("-k", "--token", default="", help="Bearer token to use instead of saved credentials."),
        switch("--tls-no-verify", help="Do not check the gateway's certificate."),
        click.option("-g", "--gateway", default=None, help="Address of the gateway."),
    ):
        command = option(command)
    return command


def namespace_option(command: Decorated) -> Decorated:
    """`--namespace`, else `OPENFAAS_NS`: where a function lives that is in no stack file."""
    return click.option("-n", "--namespace", default="", envvar="OPENFAAS_NS", help="Namespace of the function.")(
        command
    )


def stack_namespace_option(command: Decorated) -> Decorated:
    """`--namespace` as it was typed; `config.namespace_of` decides between it and the stack file."""
    return click.option("-n", "--namespace", default="", help="Namespace of the function.")(command)


def state_dir_option(command: Decorated) -> Decorated:
    """`--state-dir`: the state directory of a local gateway, None unless typed."""
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="State directory; $FAAS_STATE_DIR, else ~/.local/state/faas.",
    )(command)


def absolute_state_dir(chosen: Path | None) -> Path:
    """The state directory that was chosen, else the default one."""
    return chosen.expanduser().absolute() if chosen else default_state_dir()
