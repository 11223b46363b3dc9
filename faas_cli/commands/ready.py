"""`faas ready`: wait until a gateway, or a function on it, is ready."""

from __future__ import annotations

import time

import click

from faas_cli.commands.invoke import stack_nearby
from faas_cli.console import Console
from faas_cli.errors import FaasError, GatewayError, UsageError
from faas_cli.gateway.client import GatewayClient, connect
from faas_cli.options import (
    Duration,
    FaasCommand,
    Integer,
    function_argument,
    gateway_options,
    namespace_option,
    stack_options,
)


@click.command(cls=FaasCommand)
@function_argument(required=False)
@stack_options
@gateway_options
@namespace_option
@click.option("--attempts", type=Integer(), default=60, show_default=True, help="How often to ask.")
@click.option("--interval", type=Duration(), default="1s", show_default=True, help="Time between two attempts.")
def command(
    name: str | None, stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str, attempts: int, interval: float,
) -> None:  # fmt: skip
    """Wait until the gateway, or the function NAME, is ready."""
    if attempts < 1:
        raise UsageError(f"`--attempts {attempts}` is not possible; 1 is the least")
    console = Console()
    client = connect(gateway, stack_nearby(stack_file, envsubst=envsubst), token=token, tls_no_verify=tls_no_verify)
    subject = f"function {name}{'.' + namespace if namespace else ''}" if name else "gateway"
    begun = time.monotonic()
    for attempt in range(1, attempts + 1):
        console.data(f"[{attempt}/{attempts}] Waiting for {subject}")
        try:
            if _is_ready(client, name, namespace):
                console.data(f"Function {name} is ready" if name else "OpenFaaS gateway is ready")
                return
        except GatewayError as err:
            if err.status == 401:
                raise
            console.info(err.message)
        if attempt < attempts:
            time.sleep(interval)
    raise FaasError(f"the {subject} was not ready after {time.monotonic() - begun:.1f} s")


def _is_ready(client: GatewayClient, name: str | None, namespace: str) -> bool:
    return client.get(name, namespace).available_replicas > 0 if name else client.healthy()
