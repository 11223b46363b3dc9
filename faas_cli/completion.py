"""What a shell is offered while a command line is typed. Never fails and never waits long: then nothing is offered."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

_PATIENCE = 1.0
"""Seconds a gateway may take; a person is waiting at the keyboard."""


def function_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Functions of the gateway that the flags typed so far lead to."""
    from faas_cli.commands.invoke import stack_nearby
    from faas_cli.errors import FaasError
    from faas_cli.gateway.client import connect

    typed = ctx.params
    try:
        stack = stack_nearby(typed.get("stack_file") or "", envsubst=typed.get("envsubst", True))
        client = connect(
            typed.get("gateway"),
            stack,
            token=typed.get("token") or "",
            tls_no_verify=typed.get("tls_no_verify", False),
            timeout=_PATIENCE,
        )
        found = client.functions(typed.get("namespace") or "")
    except FaasError:
        return []
    return [CompletionItem(each.name) for each in found if each.name.startswith(incomplete)]


def languages(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Templates that are here."""
    from faas_cli.templates.find import available

    return [CompletionItem(name) for name in available() if name.startswith(incomplete)]


def stack_functions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Functions of the stack file."""
    from faas_cli.errors import FaasError
    from faas_cli.stack.select import open_stack

    try:
        stack = open_stack(ctx.params.get("stack_file") or "")
    except FaasError:
        return []
    return [CompletionItem(name) for name in stack.functions if name.startswith(incomplete)]
