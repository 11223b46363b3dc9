"""One call of a function from the command line: its headers and body, the token it may need, its response."""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

from urllib3 import HTTPHeaderDict

from faas_cli.errors import GatewayError, UsageError
from faas_cli.gateway.client import function_path
from faas_cli.gateway.headers import check_header
from faas_cli.suggest import hint_for_function

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.gateway.client import GatewayClient
    from faas_cli.gateway.transport import FunctionResponse

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_CHUNK = 64 * 1024
_SECOND_CHUNK_TIMEOUT = 0.05
"""Seconds to wait for the end of a short input before it is sent in chunks."""


@dataclass(frozen=True, slots=True)
class Call:
    """What to send to which function."""

    name: str
    namespace: str = ""
    path: str = ""
    method: str = "POST"
    query: Sequence[tuple[str, str]] = ()
    asynchronous: bool = False
    timeout: float | None = None
    """Seconds without a byte of the response; None for no limit."""
    sign_header: str = ""
    """Header that receives an HMAC-SHA256 of the body made with `key`, empty for none."""
    key: str = ""
    authenticate: bool = False
    """Fetch a token for the function before the gateway demands one."""

    def check(self) -> None:
        """Raise UsageError for what cannot be sent."""
        if self.method.upper() not in METHODS:
            raise UsageError(f"`{self.method}` is not an HTTP method", hint=f"it can be {', '.join(METHODS)}")
        if bool(self.sign_header) != bool(self.key):
            raise UsageError("`--sign` and `--key` must be given together")
        if self.sign_header:
            check_header(self.sign_header, option="--sign")

    @property
    def target(self) -> str:
        """Path of the request at the gateway."""
        path = function_path(self.name, self.namespace, asynchronous=self.asynchronous)
        return path + (f"/{self.path.lstrip('/')}" if self.path else "")


@dataclass(frozen=True, slots=True)
class Response:
    """A successful response; `call_id` is empty when the gateway names none."""

    call_id: str
    chunks: Iterator[bytes]


def send(client: GatewayClient, call: Call, headers: Mapping[str, str], body: Iterator[bytes] | bytes) -> Response:
    """Call a function; its response arrives in chunks. Raises GatewayError for any status but 2xx."""
    answer = request(client, call, headers, body)
    if not 200 <= answer.status < 300:
        raise _refused(client, call, answer)
    return Response(answer.headers.get("x-call-id", ""), _chunks(answer))


def request(
    client: GatewayClient, call: Call, headers: Mapping[str, str], body: Iterator[bytes] | bytes
) -> FunctionResponse:
    """Call a function, with a token if it demands one; returns its response of any status."""
    from faas_cli.gateway.function_token import function_token, token_required

    sent = HTTPHeaderDict(headers)
    if call.sign_header:
        body = body if isinstance(body, bytes) else b"".join(body)
        sent[call.sign_header] = _signature(body, call.key)

    def attempt(token: str) -> FunctionResponse:
        fields = HTTPHeaderDict(sent)
        if token:
            fields["Authorization"] = f"Bearer {token}"
        return client.invoke(
            call.target, method=call.method.upper(), body=body, headers=fields, query=call.query, timeout=call.timeout
        )

    answer = attempt(function_token(client, call.name, call.namespace) if call.authenticate else "")
    if (
        not call.authenticate
        and token_required(answer.status, answer.headers)
        and (token := function_token(client, call.name, call.namespace))
    ):
        if not isinstance(body, bytes):
            raise GatewayError(f"`{call.name}` needs a token, and its input was already sent", hint="add `--auth`")
        answer = attempt(token)
    return answer


def read_start(answer: FunctionResponse, limit: int) -> bytes:
    """At most this many bytes of a response; what follows is not read. Raises GatewayError if it is cut off before."""
    content = b""
    for chunk in _chunks(answer):
        content += chunk
        if len(content) >= limit:
            break
    answer.close()
    return content[:limit]


def request_headers(lines: Sequence[str], content_type: str | None) -> HTTPHeaderDict:
    """The headers of `Name: value` or `name=value` lines, and a content type. Raises UsageError for another form.

    A name that is given several times has several values.
    """
    sent = HTTPHeaderDict()
    for line in lines:
        # A name contains neither separator, so that the first one ends it: `X-Link=http://a`, `X-Sum: a=b`.
        found = re.match(r"([^:=]*)[:=](.*)", line, re.DOTALL)
        if found is None or not found[1].strip():
            raise UsageError(f"`--header {line}` must be of the form `Name: value` or `name=value`")
        name, value = (part.strip(" \t") for part in found.groups())
        check_header(name, value, "--header")
        sent.add(name, value)
    if content_type is not None or "Content-Type" not in sent:
        content_type = content_type or "text/plain"
        check_header("Content-Type", content_type, "--content-type")
        sent["Content-Type"] = content_type
    return sent


def request_body(console: Console) -> Iterator[bytes] | bytes:
    """Standard input: as bytes, sent with their length, when it ends at once; else in chunks as they arrive."""
    if sys.stdin.isatty():
        console.info("Reading from standard input - hit Control + D to stop.")
    # The descriptor itself: a buffered reader would wait for a full buffer.
    descriptor = sys.stdin.fileno()
    first = os.read(descriptor, _CHUNK)
    second = b""
    if first and select.select([descriptor], [], [], _SECOND_CHUNK_TIMEOUT)[0]:
        second = os.read(descriptor, _CHUNK)
        if not second:
            return first
    if not first:
        return b""

    def chunks() -> Iterator[bytes]:
        yield first
        if second:
            yield second
        while chunk := os.read(descriptor, _CHUNK):
            yield chunk

    return chunks()


def _signature(body: bytes, key: str) -> str:
    import hmac

    return f"sha256={hmac.new(key.encode(), body, 'sha256').hexdigest()}"


def _chunks(answer: FunctionResponse) -> Iterator[bytes]:
    import urllib3

    chunks = answer.stream(_CHUNK)
    while True:
        try:
            chunk = next(chunks, b"")
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as err:
            raise GatewayError(f"the response is incomplete: {err}") from None
        if not chunk:
            return
        yield chunk


def _refused(client: GatewayClient, call: Call, answer: FunctionResponse) -> GatewayError:
    text = read_start(answer, _CHUNK).decode("utf-8", "replace").strip()
    hint = ""
    if answer.status == 404:
        hint = hint_for_function(client, call.name, call.namespace)
    elif answer.status >= 500:
        hint = f"`faas logs {call.name}` shows its log"
    reason = f": {text}" if text else ""
    message = f"`{call.name}` at {client.gateway} answered with status {answer.status}{reason}"
    return GatewayError(message, hint=hint, status=answer.status)
