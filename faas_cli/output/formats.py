"""Data for machines: `--output json` or `yaml` instead of a table, on every command that prints data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from faas_cli.options import switch

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TABLE = "table"
FORMS = (TABLE, "json", "yaml")

_ASKED_FOR_JSON = "faas_cli.output.formats.json"


def output_options(command: Decorated) -> Decorated:
    """`-o/--output` and `-j/--json`; the command's parameter is `form`, one of `FORMS`."""
    return _options("-o", "--output")(command)


def long_output_options(command: Decorated) -> Decorated:
    """The same for a command whose `-o` means something else."""
    return _options("--output")(command)


def structured(value: Any, form: str) -> str:
    """A value made of plain maps, lists, texts and numbers, as JSON or YAML without a line feed at the end."""
    if form == "yaml":
        import yaml

        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).removesuffix("\n")
    import json

    return json.dumps(value, indent=2)


def _options(*names: str) -> Callable[[Decorated], Decorated]:
    def decorate(command: Decorated) -> Decorated:
        chosen = click.option(
            *names, "form", type=click.Choice(FORMS, case_sensitive=False), default=TABLE, show_default=True,
            callback=_form, help="Form of the output.",
        )  # fmt: skip
        short = switch(
            "-j", "--json", help="The same as `--output json`.", expose_value=False, is_eager=True, callback=_json
        )
        return short(chosen(command))

    return decorate


def _json(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    ctx.meta[_ASKED_FOR_JSON] = value


def _form(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return "json" if ctx.meta.get(_ASKED_FOR_JSON) else value.lower()
