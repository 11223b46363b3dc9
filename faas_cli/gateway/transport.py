"""HTTP requests to a gateway: credentials, timeouts, function calls, and errors with a hint."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import Any, NoReturn, Protocol, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec
import urllib3
from urllib3 import HTTPHeaderDict

from faas_cli.console import current_console
from faas_cli.errors import GatewayError, UsageError
from faas_cli.gateway import duplex
from faas_cli.gateway.credentials import Credentials
from faas_cli.gateway.headers import encoded
from faas_cli.proxies import pool_for, proxy_for
from faas_runtime import __version__

Wire = TypeVar("Wire")

REST_TIMEOUT = 60.0
"""Seconds a management call may take."""
CONNECT_TIMEOUT = 5.0
"""Seconds a gateway may take to accept a connection."""
_HIDDEN_HEADERS = frozenset({"authorization", "cookie"})
_MAX_TRACE_BYTES = 4096
_SAFE = "/?%:@!$&'()*+,;=~"
"""Characters of a path and query that are sent as they are."""


class FunctionResponse(Protocol):
    """A function's response; its body is read on demand."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields; names are case-insensitive."""

    def stream(self, size: int, /) -> Iterator[bytes]:
        """The body in chunks as they arrive."""

    def close(self) -> None:
        """Close the connection, also before the body's end."""


class GatewayTransport:
    """Sends requests to one gateway. Every method raises GatewayError, with a hint."""

    def __init__(
        self, gateway: str, credentials: Credentials | None, *, verify: bool = True, timeout: float = REST_TIMEOUT
    ) -> None:
        self.gateway = gateway
        self._credentials = credentials
        self._timeout = timeout
        options: dict[str, Any] = {"maxsize": 4, "retries": False}
        if not verify:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            options["cert_reqs"] = "CERT_NONE"
        self._pool = pool_for(gateway, **options)

    def invoke(
        self,
        path: str,
        *,
        method: str,
        body: bytes | Iterator[bytes],
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]],
        timeout: float | None = None,
    ) -> FunctionResponse:
        """Call a function, without credentials. The response's body is not read yet.

        `headers` may be a HTTPHeaderDict, with several values of a name. An iterator as body is sent while the
        response is read, except over TLS or a proxy. `timeout` is the read timeout in seconds, None for no limit.
        """
        sent = HTTPHeaderDict(headers)
        sent.setdefault("User-Agent", f"{_agent()} (faas; {platform.system().lower()}; {platform.machine()})")
        url = urlsplit(self.gateway)
        if isinstance(body, bytes) or url.scheme == "https" or proxy_for(self.gateway):
            return self._send(
                method, path, query, body=body, headers=sent, stream=True, timeout=timeout, credentials=False
            )
        target, fields = self._target(path, query), encoded(sent)
        _trace(method, self._origin + target, sent, body)
        try:
            host, port = url.hostname or "", url.port or 80
            return duplex.call(
                host, port, method, target, fields, body, connect_timeout=CONNECT_TIMEOUT, read_timeout=timeout
            )
        except (OSError, HTTPException) as err:
            self._unreachable(err, timeout)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        subject: str = "",
        allowed: tuple[int, ...] = (),
    ) -> urllib3.BaseHTTPResponse:
        """A management call; a status other than 2xx or `allowed` raises an error about `subject`."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        pairs = {key: value for key, value in (query or {}).items() if value}
        answer = self._send(method, path, pairs, body=body, headers=headers, timeout=self._timeout)
        if not 200 <= answer.status < 300 and answer.status not in allowed:
            self._refuse(answer, subject)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | Sequence[tuple[str, str]],
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        timeout: float | None = REST_TIMEOUT,
        credentials: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        sent = HTTPHeaderDict(headers or {})
        sent.setdefault("User-Agent", _agent())
        if credentials and self._credentials is not None:
            sent["Authorization"] = self._credentials.authorization()
        target, fields = self._target(path, query), encoded(sent)
        _trace(method, self._origin + target, sent, body)
        try:
            return self._pool.urlopen(
                method,
                self._origin + target,
                body=body,
                headers=fields,
                preload_content=not stream,
                redirect=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout),
            )
        except urllib3.exceptions.HTTPError as err:
            self._unreachable(err, timeout)

    def _target(self, path: str, query: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
        # The HTTP library resolves dots: `/function/../system/functions` would be the management API.
        if any(unquote(part) in (".", "..") for part in path.partition("?")[0].split("/")):
            raise UsageError(f"`{path}` is not an address of a function: `.` and `..` are not allowed in it")
        # What the user encoded stays; spaces and other text are encoded.
        path = urlsplit(self.gateway).path + quote(path, safe=_SAFE)
        return path + (f"{'&' if '?' in path else '?'}{urlencode(query)}" if query else "")

    @property
    def _origin(self) -> str:
        url = urlsplit(self.gateway)
        return f"{url.scheme}://{url.netloc}"

    def _unreachable(self, err: Exception, timeout: float | None) -> NoReturn:
        if isinstance(err, urllib3.exceptions.SSLError):
            hint = "`--tls-no-verify` accepts an unverified certificate"
            raise GatewayError(f"the certificate of {self.gateway} is not valid: {err}", hint=hint) from None
        if isinstance(err, (urllib3.exceptions.ReadTimeoutError, TimeoutError)) and timeout is not None:
            raise GatewayError(f"the gateway at {self.gateway} did not answer within {timeout:g} s") from None
        local = urlsplit(self.gateway).hostname in ("127.0.0.1", "localhost", "::1")
        elsewhere = "check the address: `--gateway`, the stack file, OPENFAAS_URL"
        hint = "start one with `faas gateway start`" if local else elsewhere
        raise GatewayError(f"no gateway answers at {self.gateway}: {error_reason(err)}", hint=hint) from None

    def _refuse(self, answer: urllib3.BaseHTTPResponse, subject: str) -> NoReturn:
        text = answer.data.decode("utf-8", "replace").strip()
        if answer.status == 401:
            what = "rejected the credentials" if self._credentials else "requires user and password"
            hint = f"faas login --gateway {self.gateway} --username admin --password-stdin"
            raise GatewayError(f"the gateway at {self.gateway} {what}", hint=hint, status=401)
        if answer.status == 404 and subject:
            hint = "`faas list` shows the functions" if subject.startswith("function") else ""
            raise GatewayError(f"there is no {subject} at {self.gateway}", hint=hint, status=404)
        what = f"{subject}: " if subject else ""
        # The gateway's message is the reason, if it has one.
        raise GatewayError(f"{what}{text or 'no reason given'} (status {answer.status})", status=answer.status)

    def _decode(self, answer: urllib3.BaseHTTPResponse, kind: type[Wire]) -> Wire:
        try:
            return msgspec.json.decode(answer.data or b"[]", type=kind)
        except msgspec.DecodeError as err:
            raise GatewayError(f"{self.gateway} does not answer like a gateway: {err}", status=answer.status) from None


def _agent() -> str:
    return f"faas-cli/{__version__}"


def error_reason(err: BaseException) -> str:
    """The operating system's message, from the innermost cause."""
    cause: BaseException | None = err
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return "the connection failed"


def _trace(method: str, url: str, headers: Mapping[str, str], body: Any) -> None:
    """With a verbose console, print a request to stderr, without credentials, secrets and streamed bodies."""
    console = current_console()
    if not console.verbose:
        return
    lines = [f"{method} {url}"]
    for name, value in headers.items():
        lines.append(f"{name}: {'(hidden)' if name.lower() in _HIDDEN_HEADERS else value}")
    if isinstance(body, bytes) and body:
        private = "/system/secrets" in url or "/oauth/" in url
        shown = f"({len(body)} bytes, hidden)" if private else body[:_MAX_TRACE_BYTES].decode("utf-8", "replace")
        lines.append(shown)
    elif body:
        lines.append("(a stream)")
    console.trace("\n".join(lines) + "\n")
