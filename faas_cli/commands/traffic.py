"""`faas traffic`: split traffic between two versions of a function."""

from __future__ import annotations

import click
import msgspec

from faas_cli.console import Console
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_file_option
from faas_cli.options.syntax import FaasCommand, function_argument, pass_console, switch
from faas_cli.output.formats import TABLE, output_options, structured
from faas_cli.stack.select import StackOptions
from faas_runtime.core.api import TrafficShare


class Weight(click.ParamType):  # type: ignore[type-arg]
    """`VERSION=PERCENT`."""

    name = "version=percent"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Both numbers, or click's failure."""
        version, _, percent = str(value).partition("=")
        share = percent.removesuffix("%")
        if not (_is_number(version) and int(version) and _is_number(share) and int(share) <= 100):
            self.fail(f"`{value}` is not VERSION=PERCENT; write for example `4=10`", param, ctx)
        return int(version), int(share)


@click.command(cls=FaasCommand)
@function_argument()
@click.argument("share", type=Weight(), required=False, metavar="[VERSION=PERCENT]")
@switch("--promote", help="Send all traffic to the canary and make it the current version.")
@switch("--end", help="Send all traffic to the current version and remove the canary.")
@output_options
@stack_file_option()
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, name: str, share: tuple[int, int] | None, promote: bool, end: bool, output_format: str,
    stack: StackOptions, gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Show how traffic of the function NAME is split, or send PERCENT of it to VERSION.

    The version beside the current one is the canary. `faas deploy --annotation com.faas.traffic=10` starts a new
    version as a canary.
    """
    if (share is not None) + promote + end > 1:
        raise click.UsageError("give only one of VERSION=PERCENT, `--promote` and `--end`")
    client = gateway.connect(stack.nearby())
    if promote:
        shares = client.promote(name, namespace)
    elif end:
        client.end_canary(name, namespace)
        shares = client.traffic(name, namespace)
    elif share is not None:
        shares = client.share(name, *share, namespace)
    else:
        shares = client.traffic(name, namespace)
    if output_format != TABLE:
        console.data(structured(msgspec.to_builtins(shares), output_format))
        return
    console.table(("Version", "Share", "Calls", "Errors", "Mean", "Image"), map(_row, shares))


def _row(share: TrafficShare) -> tuple[object, ...]:
    mean = f"{share.seconds / share.calls * 1000:.1f} ms" if share.calls else "-"
    version = f"{share.version}{'' if share.canary else '*'}"
    return version, f"{share.weight}%", share.calls, share.errors, mean, share.image


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
