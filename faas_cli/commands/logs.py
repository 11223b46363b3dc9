"""`faas logs`: the log of a function."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_file_option
from faas_cli.options.syntax import Duration, FaasCommand, Integer, function_argument, option, pass_console, switch
from faas_cli.output.log_lines import FORMATS, render, since_time
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@function_argument()
@click.argument("rest", nargs=-1, metavar="")
@switch("-f", "--follow", help="Follow the log, which is the default; overrides --tail=false.")
@switch("-t", "--tail", default=True, help="Follow the log.")
@option("--since", type=Duration(), default=None, help="Only lines of this last period, for example 10m.")
@option("--since-time", "moment", default="", metavar="TIME", help="Only lines after this time (RFC 3339).")
@option("--lines", type=Integer(), default=-1, help="Only the last N lines; -1 for all.")
@option("-o", "--output", default="plain", show_default=True, metavar="[plain|keyvalue|json]", help="Output format.")
@switch("-j", "--json", help="Same as `--output json`.")
@option(
    "--time-format",
    default="rfc3339",
    show_default=True,
    metavar="LAYOUT",
    help="Time format: a Go layout or its name; empty for none.",
)
@switch("--name", "show_name", help="Print the function's name.")
@switch("--instance", help="Print the replica of each line.")
@stack_file_option("--yaml")
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, name: str, rest: tuple[str, ...], follow: bool, tail: bool, since: float | None, moment: str,
    lines: int, output: str, json: bool, time_format: str, show_name: bool, instance: bool,
    stack: StackOptions, gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Print the log of the function NAME and follow it; `--tail=false` stops at its end."""
    if follow and name.endswith((".yml", ".yaml")):
        function = rest[0] if rest else "NAME"
        raise UsageError(
            f"`-f` follows the log and takes no stack file: `{name}`",
            hint=f"name the stack file with `--yaml`: faas logs {function} --yaml {name}",
        )
    output_format = "json" if json else output.lower()
    if output_format not in FORMATS:
        raise UsageError(f"`--output {output}` is unknown", hint=f"it can be {', '.join(FORMATS)}")
    query = {"follow": str(tail or follow).lower()}
    if namespace:
        query["namespace"] = namespace
    if start := since_time(since, moment):
        query["since"] = start
    if lines > 0:
        query["tail"] = str(lines)
    client = gateway.connect(stack.nearby(), warn=console)
    for message in client.logs(name, query):
        console.data_now(render(message, output_format, time_format, show_name=show_name, instance=instance))
