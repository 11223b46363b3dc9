"""`faas queue`: asynchronous calls, and those that never succeeded."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click
import msgspec

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.gateway.client import GatewayClient, connect
from faas_cli.options import FaasGroup, Integer, gateway_options, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_runtime.core.api import AsyncCall

STATES = ("queued", "running", "done", "dead", "cancelled")


@click.group(cls=FaasGroup, aliases={"ls": "list"})
def command() -> None:
    """List asynchronous calls, show what became of one, replay or forget the dead."""


def _client(gateway: str | None, token: str, tls_no_verify: bool) -> GatewayClient:
    return connect(gateway, None, token=token, tls_no_verify=tls_no_verify)


@command.command(name="list")
@click.option("--state", type=click.Choice(("all", *STATES)), default="dead", show_default=True)
@click.option("--limit", type=Integer(), default=100, help="Most calls to show, the oldest first.")
@gateway_options
@output_options
def list_calls(state: str, limit: int, gateway: str | None, tls_no_verify: bool, token: str, form: str) -> None:
    """List calls of a state, and how many there are of each."""
    console = Console()
    found = _client(gateway, token, tls_no_verify).queue("" if state == "all" else state, limit)
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(found), form))
        return
    for name, counts in found.counts.items():
        told = ", ".join(f"{counts[each]} {each}" for each in STATES if counts.get(each))
        console.info(f"{name}: {told}")
    if not found.calls:
        console.info(f"No calls are {state}." if state != "all" else "No calls are kept.")
        return
    console.data(f"{'Call':<38}{'Function':<30}{'State':<11}{'Tries':<7}{'Status':<8}Reason")
    for call in found.calls:
        where = f"{call.function}.{call.namespace}"
        status = str(call.status or "")
        console.data(
            f"{call.call_id:<38}{where:<30}{call.state:<11}{call.attempts:<7}{status:<8}{call.reason}".rstrip()
        )


@command.command()
@click.argument("call_id")
@gateway_options
@output_options
def show(call_id: str, gateway: str | None, tls_no_verify: bool, token: str, form: str) -> None:
    """Show what became of a call."""
    console = Console()
    call = _client(gateway, token, tls_no_verify).async_call(call_id)
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(call), form))
        return
    for name, value in _facts(call):
        if value:
            console.data(f"{name + ':':<11}{value}")


@command.command()
@click.argument("call_id")
@gateway_options
def result(call_id: str, gateway: str | None, tls_no_verify: bool, token: str) -> None:
    """Write what the function answered to standard output."""
    body = _client(gateway, token, tls_no_verify).async_result(call_id)
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


@command.command()
@click.argument("call_ids", nargs=-1)
@switch("--all", help="Every dead call.")
@gateway_options
def replay(call_ids: tuple[str, ...], all: bool, gateway: str | None, tls_no_verify: bool, token: str) -> None:
    """Queue dead calls again, with all their tries."""
    if bool(call_ids) == all:
        raise UsageError("name the calls to replay, or `--all`")
    count = _client(gateway, token, tls_no_verify).replay(call_ids)
    Console().data(f"Replayed: {count}")


@command.command()
@click.option("--state", type=click.Choice(("done", "dead", "cancelled")), default="dead", show_default=True)
@gateway_options
def purge(state: str, gateway: str | None, tls_no_verify: bool, token: str) -> None:
    """Forget calls that have ended."""
    count = _client(gateway, token, tls_no_verify).purge(state)
    Console().data(f"Purged: {count}")


def _facts(call: AsyncCall) -> tuple[tuple[str, str], ...]:
    return (
        ("Call", call.call_id),
        ("Function", f"{call.function}.{call.namespace}"),
        ("State", call.state),
        ("Tries", str(call.attempts)),
        ("Status", str(call.status or "")),
        ("Reason", call.reason),
        ("Accepted", _moment(call.created)),
        ("Not before", _moment(call.not_before)),
        ("Ended", _moment(call.finished)),
        ("Callback", call.callback),
    )


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC" if seconds else ""
