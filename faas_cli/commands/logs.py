"""`faas logs`: what a function prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from faas_cli.commands.deploy import warn_plain_http
from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options import (
    Duration,
    FaasCommand,
    Integer,
    function_argument,
    gateway_options,
    namespace_option,
    switch,
)
from faas_runtime.core.api import LogMessage, encode

FORMATS = ("plain", "keyvalue", "json")

# Go's reference time, piece by piece, in the words of strftime; longer pieces first.
_GO_LAYOUT = (
    ("2006", "%Y"), ("January", "%B"), ("Monday", "%A"), ("Jan", "%b"), ("Mon", "%a"),
    ("-0700", "+0000"), ("Z07:00", "Z"), ("-07:00", "+00:00"), ("MST", "UTC"),
    ("01", "%m"), ("02", "%d"), ("15", "%H"), ("03", "%I"), ("04", "%M"), ("05", "%S"), ("06", "%y"), ("PM", "%p"),
    (".000000000", ".%f000"), (".000000", ".%f"),
)  # fmt: skip
_NAMED = {
    "ansic": "Mon Jan 02 15:04:05 2006",
    "unixdate": "Mon Jan 02 15:04:05 MST 2006",
    "rubydate": "Mon Jan 02 15:04:05 -0700 2006",
    "rfc822": "02 Jan 06 15:04 MST",
    "rfc822z": "02 Jan 06 15:04 -0700",
    "rfc850": "Monday, 02-Jan-06 15:04:05 MST",
    "rfc1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "rfc1123z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "rfc3339": "2006-01-02T15:04:05Z07:00",
    "rfc3339nano": "2006-01-02T15:04:05.000000000Z07:00",
}


@click.command(cls=FaasCommand)
@function_argument()
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to take the gateway from.")
@gateway_options
@namespace_option
@click.option("--since", type=Duration(), default=None, help="Only lines of the last while, for example 10m.")
@click.option("--since-time", default="", help="Only lines after this time (RFC 3339).")
@click.option("--lines", type=Integer(), default=-1, help="Only the last lines; -1 is all of them.")
@switch("-t", "--tail", default=True, help="Go on showing lines as they come.")
@click.option("-o", "--output", default="plain", show_default=True, help="plain, keyvalue or json.")
@switch("-j", "--json", help="The same as `--output json`.")
@click.option("--time-format", default="rfc3339", show_default=True, help="A Go layout or its name; empty for none.")
@switch("--name", "show_name", help="Show the function's name.")
@switch("--instance", help="Show which replica printed the line.")
def command(
    name: str, stack_file: str, gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
    since: float | None, since_time: str, lines: int, tail: bool, output: str, json: bool, time_format: str,
    show_name: bool, instance: bool,
) -> None:  # fmt: skip
    """Show what the function NAME prints, and go on as it prints more (`--tail=false` stops at the end)."""
    from faas_cli.gateway.client import connect

    form = "json" if json else output.lower()
    if form not in FORMATS:
        raise UsageError(f"`--output {output}` is not known", hint=f"it can be {', '.join(FORMATS)}")
    console = Console()
    client = connect(gateway, stack_nearby(stack_file, envsubst=True), token=token, tls_no_verify=tls_no_verify)
    warn_plain_http(client.gateway, console)
    query = {"follow": str(tail).lower()}
    if namespace:
        query["namespace"] = namespace
    if moment := _since(since, since_time):
        query["since"] = moment
    if lines > 0:
        query["tail"] = str(lines)
    for message in client.logs(name, query):
        console.data(render(message, form, time_format, show_name=show_name, instance=instance))
        console.out.flush()


def render(message: LogMessage, form: str, time_format: str, *, show_name: bool, instance: bool) -> str:
    """One line of output for one line of a log."""
    if form == "json":
        return encode(message).decode()
    moment = _time(message.timestamp, time_format) if time_format else ""
    if form == "keyvalue":
        fields = [f'timestamp="{moment}" '] if moment else []
        fields += [f'name="{message.name}" '] if show_name else []
        fields += [f'instance="{message.instance}" '] if instance else []
        return "".join([*fields, f'text="{message.text.rstrip()}" '])
    parts = [moment] if moment else []
    parts += [message.name] if show_name else []
    parts += [f"({message.instance})"] if instance else []
    return " ".join([*parts, message.text.rstrip("\n")])


def _since(seconds: float | None, moment: str) -> str:
    if moment:
        try:
            datetime.fromisoformat(moment)
        except ValueError:
            raise UsageError(
                f"`--since-time {moment}` is not a time", hint="write it like 2026-01-31T12:00:00Z"
            ) from None
        return moment
    if seconds is None:
        return ""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(timestamp: str, layout: str) -> str:
    # Python knows microseconds; the wire has nanoseconds.
    head, dot, rest = timestamp.partition(".")
    digits = rest.rstrip("Z")
    try:
        moment = datetime.fromisoformat(f"{head}{dot}{digits[:6]}{'+00:00' if timestamp.endswith('Z') else ''}")
    except ValueError:
        return timestamp
    form = _NAMED.get(layout.lower(), layout)
    for go, ours in _GO_LAYOUT:
        form = form.replace(go, ours)
    return moment.strftime(form)
