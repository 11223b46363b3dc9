"""Structured output: `--output json` or `yaml` instead of a table, on every command that prints data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from faas_cli.options.syntax import option, switch

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TABLE = "table"
FORMATS = (TABLE, "json", "yaml")

_JSON_CHOSEN = "faas_cli.output.formats.json"


def output_options(command: Decorated) -> Decorated:
    """`-o/--output` and `-j/--json`; the command receives `output_format`, one of `FORMATS`."""
    return _options("-o", "--output")(command)


def long_output_options(command: Decorated) -> Decorated:
    """The same for a command whose `-o` means something else."""
    return _options("--output")(command)


def structured(value: Any, output_format: str) -> str:
    """A value of plain maps, lists, strings and numbers as JSON or YAML, without a final line feed."""
    if output_format == "yaml":
        import yaml

        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).removesuffix("\n")
    import json

    return json.dumps(value, indent=2)


def _options(*names: str) -> Callable[[Decorated], Decorated]:
    def decorate(command: Decorated) -> Decorated:
        chosen = option(
            *names, "output_format", type=click.Choice(FORMATS, case_sensitive=False), default=TABLE,
            show_default=True, callback=_format, help="Output format.",
        )  # fmt: skip
        short = switch(
            "-j", "--json", help="Same as `--output json`.", expose_value=False, is_eager=True, callback=_json
        )
        return short(chosen(command))

    return decorate


def _json(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[_JSON_CHOSEN] = value


def _format(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return "json" if ctx.meta.get(_JSON_CHOSEN) else value.lower()
