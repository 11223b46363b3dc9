"""The flag syntax of faas-cli on top of click: `--flag=false`, `-n=value`, durations, pairs, 2018's `-yaml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from faas_cli.console import Console
from faas_runtime.core.durations import go_duration

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
GLOBAL_FLAGS = ("-f", "--yaml", "--filter", "--regex")
"""Flags with a value that every command accepts, also in front of its name."""

pass_console = click.make_pass_decorator(Console, ensure=True)
"""The console of the command line, as a command's first argument."""


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A duration in Go's notation; the value is in seconds."""

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

    name = "n"

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


class SectionOption(click.Option):
    """An option that `--help` lists under the heading `section`."""

    def __init__(self, *args: Any, section: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        self.section = section


class FaasCommand(click.Command):
    """A command that reads flags as faas-cli does, and whose help has sections and examples."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        known = {name for param in self.params for name in param.opts}
        # faas-cli accepts its global flags with every command, also where they have no meaning.
        self.params += [
            click.Option([name], hidden=True, expose_value=False) for name in GLOBAL_FLAGS if name not in known
        ]
        if "--verbose" not in known:
            self.params.append(verbose_option(["-v", "--verbose"]))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put every accepted form into the one click knows, then let click parse."""
        return super().parse_args(ctx, list(self._normalised(ctx, args)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options by section; the command's own come first."""
        sections: dict[str, list[tuple[str, str]]] = {"": []}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                sections.setdefault(getattr(param, "section", ""), []).append(record)
        for name, records in sections.items():
            with formatter.section(name or "Options"):
                formatter.write_dl(records)

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
            result += _one(ctx, argument, options)
        return result


def _words(ctx: click.Context) -> str:
    """The words of this command after `faas`, without aliases."""
    words: list[str] = []
    while ctx.parent is not None:
        aliases = getattr(ctx.parent.command, "aliases", {})
        name = ctx.info_name or ""
        words.insert(0, aliases.get(name, name))
        ctx = ctx.parent
    return " ".join(words)


class FaasGroup(click.Group):
    """A command with subcommands, which may have aliases; an unknown name gets the nearest ones as a hint."""

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
            from faas_cli.suggest import did_you_mean

            meant = did_you_mean(name, [*self.commands, *self.aliases]) or "see `--help`"
            raise click.UsageError(f"there is no command `{ctx.info_name} {name}`; {meant}", ctx)
        return super().resolve_command(ctx, args)


def _one(ctx: click.Context, argument: str, options: dict[str, click.Option]) -> list[str]:
    name, equals, value = argument.partition("=")
    if re.fullmatch(r"-[a-z][a-z-]+", name) and f"-{name}" in options:
        ctx.ensure_object(Console).info(f"note: `{name}` is the old form of `-{name}`")
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


def option(*names: str, section: str = "", **options: Any) -> Callable[[Decorated], Decorated]:
    """`click.option` with the heading that `--help` lists the option under."""
    return click.option(*names, cls=SectionOption, section=section, **options)


def switch(
    *names: str, default: bool = False, help: str = "", section: str = "", **options: Any
) -> Callable[[Decorated], Decorated]:
    """A boolean flag; one that is on by default can also be turned off as `--no-NAME`."""
    if not default:
        return option(*names, section=section, is_flag=True, default=False, help=help, **options)
    long = next(name for name in names if name.startswith("--"))
    others = [name for name in names if name != long]
    shown = {"is_flag": True, "default": True, "show_default": True, "help": help, **options}
    return option(f"{long}/--no-{long[2:]}", *others, section=section, **shown)


def verbose_option(names: list[str]) -> click.Option:
    """`--verbose`: it acts on the console, so that no command needs to know of it."""

    def apply(ctx: click.Context, param: click.Parameter, verbose: bool) -> None:
        if verbose:
            ctx.ensure_object(Console).verbose = True

    return click.Option(
        names,
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=apply,
        help="Print HTTP requests and all tool output.",
    )


def gathered(
    parameter: str, make: Callable[..., object], *options: Callable[[Any], Any]
) -> Callable[[Decorated], Decorated]:
    """A set of options of which the command receives one value: what `make` returns for theirs."""

    def decorate(command: Decorated) -> Decorated:
        names: list[str] = []

        @functools.wraps(command)
        def call(*args: Any, **values: Any) -> Any:
            own = {name: values.pop(name) for name in names}
            return command(*args, **{parameter: make(**own)}, **values)

        before = len(getattr(call, "__click_params__", ()))
        for each in reversed(options):
            each(call)
        added: list[click.Parameter] = call.__click_params__[before:]  # type: ignore[attr-defined]
        names += [param.name for param in added if param.expose_value and param.name]
        return call  # type: ignore[return-value]

    return decorate


def offered(kind: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """The shell completion of a value: a function of `faas_cli.completion`, imported when it is needed."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        from faas_cli import completion

        return getattr(completion, kind)(ctx, param, incomplete)

    return complete


def function_argument(*, required: bool = True) -> Callable[[Decorated], Decorated]:
    """The name of a deployed function; a shell completes it."""
    return click.argument("name", required=required, shell_complete=offered("function_names"))
