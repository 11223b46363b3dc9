"""`faas invoke`: call a function with standard input."""

from __future__ import annotations

import click

from faas_cli.console import Console
from faas_cli.gateway.credentials import namespace_of
from faas_cli.options.gateway import GatewayOptions, gateway_option, stack_namespace_option, tls_option
from faas_cli.options.stack import stack_options
from faas_cli.options.syntax import Duration, FaasCommand, Pair, function_argument, option, pass_console, switch
from faas_cli.stack.select import StackOptions


@click.command(cls=FaasCommand)
@function_argument()
@option("--content-type", default=None, metavar="TYPE", help="Content-Type header; text/plain by default.")
@option("--query", type=Pair(), multiple=True, help="Query parameter.")
@option("-H", "--header", "headers", multiple=True, metavar="HEADER", help="Header, as `Name: value` or `name=value`.")
@option("-a", "--async", "asynchronous", is_flag=True, help="Queue the call and return at once.")
@option("-m", "--method", default="POST", show_default=True, metavar="METHOD", help="HTTP method.")
@option("--path", default="", metavar="PATH", help="Path below the function.")
@option("--timeout", type=Duration(), default=None, help="Idle timeout of the response; none by default.")
@switch("--auth", help="Fetch a function token before the gateway demands one.")
@option("--name", "unused_name", default="", hidden=True, expose_value=False)
@option("--sign", default="", metavar="HEADER", help="Header for an HMAC-SHA256 of the body (with --key).")
@option("--key", default="", metavar="KEY", help="Key of the HMAC.")
@stack_options
@gateway_option
@tls_option
@stack_namespace_option
@pass_console
def command(
    console: Console, name: str, content_type: str | None, query: tuple[tuple[str, str], ...],
    headers: tuple[str, ...], asynchronous: bool, method: str, path: str, timeout: float | None, auth: bool,
    sign: str, key: str, stack: StackOptions, gateway: str | None, tls_no_verify: bool, namespace: str,
) -> None:  # fmt: skip
    """Call the function NAME with standard input, and stream its response to standard output."""
    from faas_cli.gateway.invocation import Call, request_body, request_headers, send

    opened = stack.nearby()
    of_stack = opened.functions.get(name) if opened is not None else None
    where = namespace_of(namespace, of_stack.namespace if of_stack is not None else "")
    call = Call(name, where, path, method, query, asynchronous, timeout, sign, key, auth)
    call.check()
    client = GatewayOptions(gateway, tls_no_verify).connect(opened)
    sent = request_headers(headers, content_type)
    response = send(client, call, sent, request_body(console))
    for chunk in response.chunks:
        if not asynchronous:
            console.data_bytes(chunk)
    if asynchronous:
        console.info("Function submitted asynchronously.")
        if response.call_id:
            console.info(f"Call id: {response.call_id}\n  next: faas queue show {response.call_id}")
