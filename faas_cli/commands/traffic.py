"""`faas traffic`: two versions of a function at once, each with a share of the calls."""

from __future__ import annotations

import click
import msgspec

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.gateway.client import connect
from faas_cli.options import FaasCommand, function_argument, gateway_options, namespace_option, switch
from faas_cli.output.formats import TABLE, output_options, structured
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
@switch("--promote", help="Let the canary have all calls, as the present version.")
@switch("--end", help="Let the present version have all calls, and remove the canary.")
@click.option("-f", "--yaml", "stack_file", default="", help="Stack file to take the gateway from.")
@gateway_options
@namespace_option
@output_options
def command(
    name: str,
    share: tuple[int, int] | None,
    promote: bool,
    end: bool,
    stack_file: str,
    gateway: str | None,
    tls_no_verify: bool,
    token: str,
    namespace: str,
    form: str,
) -> None:
    """Show which versions of the function NAME get calls, or give VERSION so much of them.

    The version beside the present one is the canary. `faas deploy --annotation com.faas.traffic=10` starts a new
    version as one.
    """
    if (share is not None) + promote + end > 1:
        raise click.UsageError("give one of VERSION=PERCENT, `--promote` and `--end`")
    client = connect(gateway, stack_nearby(stack_file, envsubst=True), token=token, tls_no_verify=tls_no_verify)
    if promote:
        shares = client.promote(name, namespace)
    elif end:
        client.end_canary(name, namespace)
        shares = client.traffic(name, namespace)
    elif share is not None:
        shares = client.share(name, *share, namespace)
    else:
        shares = client.traffic(name, namespace)
    console = Console()
    if form != TABLE:
        console.data(structured(msgspec.to_builtins(shares), form))
        return
    console.data(f"{'Version':<9}{'Share':<7}{'Calls':<9}{'Errors':<8}{'Mean':<10}Image")
    for each in shares:
        console.data(_line(each))


def _line(share: TrafficShare) -> str:
    mean = f"{share.seconds / share.calls * 1000:.1f} ms" if share.calls else "-"
    version = f"{share.version}{'' if share.canary else '*'}"
    return f"{version:<9}{f'{share.weight}%':<7}{share.calls:<9}{share.errors:<8}{mean:<10}{share.image}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
