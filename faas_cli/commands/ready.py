"""`faas ready`: wait until a gateway or a function is ready."""

from __future__ import annotations

import time

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError, GatewayError, UsageError
from faas_cli.options.gateway import GatewayOptions, gateway_options, namespace_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import Duration, FaasCommand, Integer, function_argument, option, pass_console
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@function_argument(required=False)
@option("--attempts", type=Integer(), default=60, show_default=True, help="Maximum number of attempts.")
@option("--interval", type=Duration(), default="1s", show_default=True, help="Time between two attempts.")
@stack_options
@gateway_options
@namespace_option
@pass_console
def command(
    console: Console, name: str | None, attempts: int, interval: float,
    stack: StackOptions, gateway: GatewayOptions, namespace: str,
) -> None:  # fmt: skip
    """Wait until the gateway, or the function NAME, is ready."""
    if attempts < 1:
        raise UsageError(f"`--attempts {attempts}` must be at least 1")
    client = gateway.connect(stack.nearby())
    subject = f"function {name}{'.' + namespace if namespace else ''}" if name else "gateway"
    begun = time.monotonic()
    for attempt in range(1, attempts + 1):
        console.data(f"[{attempt}/{attempts}] Waiting for {subject}")
        try:
            if client.is_ready(name or "", namespace):
                console.data(f"Function {name} is ready" if name else "OpenFaaS gateway is ready")
                return
        except GatewayError as err:
            if err.status == 401:
                raise
            console.info(err.message)
        if attempt < attempts:
            time.sleep(interval)
    raise FaasError(f"the {subject} was not ready after {time.monotonic() - begun:.1f} s")
