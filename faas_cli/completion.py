"""What a shell offers while a command line is typed. Never fails and never waits long: then nothing is offered."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from faas_cli.stack.select import StackOptions

_TIMEOUT = 1.0
"""Seconds to wait for the gateway: a person is waiting at the keyboard."""


def function_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Functions of the gateway that the flags typed so far select."""
    from faas_cli.errors import FaasError
    from faas_cli.gateway.client import connect

    typed = ctx.params
    try:
        client = connect(
            typed.get("gateway"),
            _stack_options(ctx).nearby(),
            token=typed.get("token") or "",
            tls_no_verify=typed.get("tls_no_verify", False),
            timeout=_TIMEOUT,
        )
        found = client.functions(typed.get("namespace") or "")
    except FaasError:
        return []
    return _items((each.name for each in found), incomplete)


def languages(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Templates of this machine."""
    from faas_cli.templates.find import available

    return _items(available(), incomplete)


def stack_functions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Functions of the stack file."""
    from faas_cli.errors import FaasError

    try:
        return _items(_stack_options(ctx).open().functions, incomplete)
    except FaasError:
        return []


def _stack_options(ctx: click.Context) -> StackOptions:
    """The stack file typed so far."""
    one = ctx.params.get("stack_file")
    files = (one,) if one else tuple(ctx.params.get("files") or ())
    return StackOptions(files, envsubst=ctx.params.get("envsubst", True))


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
