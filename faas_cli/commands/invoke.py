"""`faas invoke`: call a function with what comes in on standard input."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from http.client import HTTPException
from typing import TYPE_CHECKING

import click

from faas_cli.console import Console
from faas_cli.errors import FaasError, GatewayError, UsageError
from faas_cli.gateway.credentials import namespace_of
from faas_cli.options import Duration, FaasCommand, Pair, function_argument, stack_options, switch
from faas_cli.stack.model import Stack
from faas_cli.stack.select import find_stack_file, open_stack
from faas_cli.suggest import hint_for_function

if TYPE_CHECKING:
    from faas_cli.gateway.client import FunctionResponse

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_CHUNK = 64 * 1024
_SECOND_PIECE_WAIT = 0.05
"""Seconds to wait for the end of a short input before it is sent in chunks."""


@click.command(cls=FaasCommand)
@function_argument()
@stack_options
@click.option("-g", "--gateway", default=None, help="Address of the gateway.")
@switch("--tls-no-verify", help="Do not check the gateway's certificate.")
@click.option("-n", "--namespace", default="", help="Namespace of the function.")
@click.option("--content-type", default=None, help="Content type of the request; text/plain unless set.")
@click.option("--query", type=Pair(), multiple=True, help="Query parameter KEY=VALUE.")
@click.option("-H", "--header", "headers", multiple=True, help="Header, as `Name: value`.")
@click.option("-a", "--async", "asynchronous", is_flag=True, help="Queue the call and return at once.")
@click.option("-m", "--method", default="POST", show_default=True, help="HTTP method.")
@click.option("--path", default="", help="Path below the function.")
@click.option("--timeout", type=Duration(), default=None, help="Longest silence of the function; no limit unless set.")
@switch("--auth", help="Get a token for the function first, instead of when the gateway asks for one.")
@click.option("--name", "unused_name", default="", hidden=True, expose_value=False)
@click.option("--sign", default="", help="Header to put an HMAC-SHA256 of the body into.")
@click.option("--key", default="", help="Key of the signature.")
def command(
    name: str, stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, namespace: str, content_type: str | None,
    query: tuple[tuple[str, str], ...], headers: tuple[str, ...], asynchronous: bool, method: str, path: str,
    timeout: float | None, auth: bool, sign: str, key: str,
) -> int:  # fmt: skip
    """Call the function NAME. Its answer goes to standard output as it comes, byte for byte."""
    from faas_cli.gateway.client import connect
    from faas_cli.gateway.function_token import function_token, is_asked_for

    if method.upper() not in METHODS:
        raise UsageError(f"`--method {method}` is not an HTTP method", hint=f"it can be {', '.join(METHODS)}")
    if bool(sign) != bool(key):
        raise UsageError("`--sign` and `--key` are needed together")
    stack = stack_nearby(stack_file, envsubst=envsubst)
    where = namespace_of(namespace, _namespace_in(stack, name))
    client = connect(gateway, stack, tls_no_verify=tls_no_verify)
    sent = _headers(headers, content_type)
    body = _body()
    if sign:
        body = body if isinstance(body, bytes) else b"".join(body)
        sent[sign] = _signature(body, key)
    kind = "async-function" if asynchronous else "function"
    target = f"/{kind}/{name}{'.' + where if where else ''}" + (f"/{path.lstrip('/')}" if path else "")

    def call(token: str) -> FunctionResponse:
        fields = sent | {"Authorization": f"Bearer {token}"} if token else sent
        return client.invoke(target, method=method.upper(), body=body, headers=fields, query=query, timeout=timeout)

    answer = call(function_token(client, name, where) if auth else "")
    if not auth and is_asked_for(answer.status, answer.headers) and (token := function_token(client, name, where)):
        if not isinstance(body, bytes):
            raise GatewayError(f"`{name}` needs a token, and its input was sent already", hint="add `--auth`")
        answer = call(token)
    if not 200 <= answer.status < 300:
        nearest = hint_for_function(client, name, where) if answer.status == 404 else ""
        return _refused(name, client.gateway, answer.status, answer.read(_CHUNK), nearest)
    if asynchronous:
        Console().info("Function submitted asynchronously.")
        return 0
    _copy(answer.stream(_CHUNK))
    return 0


def stack_nearby(stack_file: str, *, envsubst: bool) -> Stack | None:
    """The stack that was named, else the folder's own if it can be read; commands that only ask it for a gateway."""
    if stack_file:
        return open_stack(stack_file, envsubst=envsubst)
    try:
        return open_stack("", envsubst=envsubst) if find_stack_file() is not None else None
    except FaasError:
        return None


def _namespace_in(stack: Stack | None, name: str) -> str:
    return stack.functions[name].namespace if stack is not None and name in stack.functions else ""


def _headers(lines: tuple[str, ...], content_type: str | None) -> dict[str, str]:
    sent: dict[str, str] = {}
    for line in lines:
        separator = ":" if ":" in line else "="
        name, found, value = line.partition(separator)
        if not found or not name.strip():
            raise UsageError(f"`--header {line}` must be of the form `Name: value`")
        if separator == "=":
            Console().info("note: `-H name=value` is the old form of `-H 'name: value'`")
        sent[name.strip()] = value.strip()
    if content_type is not None or not any(name.lower() == "content-type" for name in sent):
        sent["Content-Type"] = content_type or "text/plain"
    return sent


def _body() -> Iterator[bytes] | bytes:
    """Standard input: as one piece, sent with its length, when that is all there is; else in pieces as they come."""
    if sys.stdin.isatty():
        Console().info("Reading from standard input - hit Control + D to stop.")
    # The descriptor itself: a buffered reader would wait for a full buffer.
    descriptor = sys.stdin.fileno()
    first = os.read(descriptor, _CHUNK)
    second = b""
    if first and select.select([descriptor], [], [], _SECOND_PIECE_WAIT)[0]:
        second = os.read(descriptor, _CHUNK)
        if not second:
            return first
    if not first:
        return b""

    def pieces() -> Iterator[bytes]:
        yield first
        if second:
            yield second
        while piece := os.read(descriptor, _CHUNK):
            yield piece

    return pieces()


def _signature(body: bytes, key: str) -> str:
    import hmac

    return f"sha256={hmac.new(key.encode(), body, 'sha256').hexdigest()}"


def _copy(pieces: Iterator[bytes]) -> None:
    import urllib3

    output = sys.stdout.buffer
    while True:
        # Only reading is watched: a closed standard output is not the gateway's fault.
        try:
            piece = next(pieces, b"")
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as err:
            output.flush()
            raise GatewayError(f"the answer broke off: {err}") from None
        if not piece:
            return
        output.write(piece)
        output.flush()


def _refused(name: str, gateway: str, status: int, body: bytes, hint: str) -> int:
    text = body.decode("utf-8", "replace").strip()
    if status >= 500:
        hint = f"`faas logs {name}` shows what it printed"
    reason = f": {text}" if text else ""
    raise GatewayError(f"`{name}` at {gateway} answered with status {status}{reason}", hint=hint, status=status)
