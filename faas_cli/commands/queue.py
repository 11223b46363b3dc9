"""`faas queue`: asynchronous calls and dead letters."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options.gateway import GatewayOptions, gateway_options
from faas_cli.options.syntax import FaasGroup, Integer, option, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime.core.api import AsyncCall

STATES = ("queued", "running", "done", "dead", "cancelled")


@click.group(cls=FaasGroup, aliases={"ls": "list"})
def command() -> None:
    """Manage asynchronous calls: list, show, replay and purge them."""


@command.command(name="list")
@option("--state", type=click.Choice(("all", *STATES)), default="all", show_default=True, help="State of the calls.")
@option("--function", default="", metavar="NAME", help="Only calls of this function, `NAME` or `NAME.NAMESPACE`.")
@option("--limit", type=Integer(), default=100, show_default=True, help="Maximum number of calls, oldest first.")
@output_options
@gateway_options
@pass_console
def list_calls(
    console: Console, state: str, function: str, limit: int, output_format: str, gateway: GatewayOptions
) -> None:
    """List calls with the reasons of failures, and count those in each state."""
    found = gateway.connect().queue("" if state == "all" else state, limit, function)
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(found), output_format))
        return
    for name, counts in found.counts.items():
        console.info(f"{name}: {', '.join(f'{counts[each]} {each}' for each in STATES if counts.get(each))}")
    if not found.calls:
        console.info(f"No calls are {state}." if state != "all" else "No calls are stored.")
        return
    console.table(
        ("Call", "Function", "State", "Attempts", "Status", "Reason"),
        [
            (
                each.call_id,
                f"{each.function}.{each.namespace}",
                each.state,
                each.attempts,
                each.status or "",
                each.reason,
            )
            for each in found.calls
        ],
    )


@command.command()
@click.argument("call_id")
@output_options
@gateway_options
@pass_console
def show(console: Console, call_id: str, output_format: str, gateway: GatewayOptions) -> None:
    """Show a call."""
    call = gateway.connect().async_call(call_id)
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(call), output_format))
        return
    console.fields(_fields(call))


@command.command()
@click.argument("call_id")
@gateway_options
@pass_console
def result(console: Console, call_id: str, gateway: GatewayOptions) -> None:
    """Write the response of a call to standard output."""
    console.data_bytes(gateway.connect().async_result(call_id))


@command.command()
@click.argument("call_ids", nargs=-1)
@switch("--all", "every", help="All dead letters.")
@gateway_options
@pass_console
def replay(console: Console, call_ids: tuple[str, ...], every: bool, gateway: GatewayOptions) -> None:
    """Queue dead letters again, with a fresh count of attempts."""
    if bool(call_ids) == every:
        raise UsageError("name the calls to replay, or give `--all`")
    console.data(f"Replayed: {gateway.connect().replay(call_ids)}")


@command.command()
@option(
    "--state",
    type=click.Choice(("queued", "done", "dead", "cancelled")),
    default="dead",
    show_default=True,
    help="State of the calls.",
)
@option("--function", default="", metavar="NAME", help="Only calls of this function, `NAME` or `NAME.NAMESPACE`.")
@gateway_options
@pass_console
def purge(console: Console, state: str, function: str, gateway: GatewayOptions) -> None:
    """Delete calls that have ended, or that wait."""
    console.data(f"Purged: {gateway.connect().purge(state, function)}")


def _fields(call: AsyncCall) -> tuple[tuple[str, object], ...]:
    return (
        ("Call", call.call_id),
        ("Function", f"{call.function}.{call.namespace}"),
        ("State", call.state),
        ("Attempts", call.attempts),
        ("Status", call.status or ""),
        ("Reason", call.reason),
        ("Accepted", _time(call.created)),
        ("Not before", _time(call.not_before)),
        ("Ended", _time(call.finished)),
        ("Callback", call.callback),
        ("Caller's ID", call.caller_id),
    )


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC" if seconds else ""
