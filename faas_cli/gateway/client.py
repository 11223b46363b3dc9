"""The REST client: every word the toolchain says to a gateway, typed by the wire types."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec
import urllib3

from faas_cli.errors import GatewayError, UsageError
from faas_cli.gateway import duplex
from faas_cli.gateway.credentials import Credentials, gateway_of, load_credentials
from faas_cli.gateway.http_trace import trace
from faas_cli.gateway.log_stream import messages
from faas_cli.proxies import pool_for, proxy_for
from faas_runtime import __version__
from faas_runtime.core.api import (
    AsyncCall,
    DeleteFunctionRequest,
    FunctionDeployment,
    FunctionNamespace,
    FunctionStatus,
    FunctionVersion,
    GatewayInfo,
    LogMessage,
    QueueListing,
    ReplayRequest,
    RollbackRequest,
    ScaleRequest,
    Secret,
    TrafficRequest,
    TrafficShare,
    encode,
)

if TYPE_CHECKING:
    from faas_cli.stack.model import Stack

Wire = TypeVar("Wire")

REST_TIMEOUT = 60.0
"""Seconds a management call may take."""
CONNECT_TIMEOUT = 5.0
"""Seconds a gateway may take to accept a connection."""
_CHUNK = 64 * 1024


class FunctionResponse(Protocol):
    """A function's answer: its status, and its body to be read."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]:
        """The fields of its head; names in any case."""

    def read(self, limit: int, /) -> bytes:
        """At most this many bytes of the body."""

    def stream(self, size: int, /) -> Iterator[bytes]:
        """The body in pieces as they come."""


class GatewayClient:
    """Speaks with one gateway. Every method raises GatewayError, with a hint, when it cannot do its work."""

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

    def functions(self, namespace: str = "") -> list[FunctionStatus]:
        """All functions of a namespace."""
        answer = self._call("GET", "/system/functions", query={"namespace": namespace})
        return self._decode(answer, list[FunctionStatus])

    def get(self, name: str, namespace: str = "", *, usage: bool = False) -> FunctionStatus:
        """One function; `usage` asks what it uses now."""
        query = {"namespace": namespace, "usage": "1" if usage else ""}
        answer = self._call("GET", f"/system/function/{quote(name)}", query=query, subject=f"function `{name}`")
        return self._decode(answer, FunctionStatus)

    def create(self, deployment: FunctionDeployment) -> int:
        """Deploy a new function; returns the HTTP status."""
        return self._deploy("POST", deployment)

    def update(self, deployment: FunctionDeployment) -> int:
        """Replace a function's deployment; returns the HTTP status, 404 when there is no such function."""
        return self._deploy("PUT", deployment, allowed=(404,))

    def delete(self, name: str, namespace: str = "") -> None:
        """Remove a function."""
        body = encode(DeleteFunctionRequest(function_name=name, namespace=namespace))
        self._call("DELETE", "/system/functions", body=body, subject=f"function `{name}`")

    def scale(self, name: str, replicas: int, namespace: str = "") -> None:
        """Ask for a number of replicas."""
        body = encode(ScaleRequest(service_name=name, replicas=replicas, namespace=namespace))
        query = {"namespace": namespace}
        self._call(
            "POST", f"/system/scale-function/{quote(name)}", query=query, body=body, subject=f"function `{name}`"
        )

    def versions(self, name: str, namespace: str = "") -> list[FunctionVersion]:
        """The versions kept of a function, newest first."""
        path = f"/system/function/{quote(name)}/versions"
        answer = self._call("GET", path, query={"namespace": namespace}, subject=f"function `{name}`")
        return self._decode(answer, list[FunctionVersion])

    def rollback(self, name: str, version: int, namespace: str = "") -> FunctionVersion:
        """Bring an earlier version of a function back, the one before the present for 0."""
        path = f"/system/function/{quote(name)}/rollback"
        # No subject: what is missing may be the function or the version, and the gateway says which.
        body = encode(RollbackRequest(version=version))
        answer = self._call("POST", path, query={"namespace": namespace}, body=body)
        return self._decode(answer, FunctionVersion)

    def traffic(self, name: str, namespace: str = "") -> list[TrafficShare]:
        """The versions of a function that get calls, the present one first."""
        path = f"/system/function/{quote(name)}/traffic"
        answer = self._call("GET", path, query={"namespace": namespace}, subject=f"function `{name}`")
        return self._decode(answer, list[TrafficShare])

    def share(self, name: str, version: int, weight: int, namespace: str = "") -> list[TrafficShare]:
        """Give a version so many percent of the calls, beside the present one."""
        path = f"/system/function/{quote(name)}/traffic"
        body = encode(TrafficRequest(version=version, weight=weight))
        return self._decode(self._call("PUT", path, query={"namespace": namespace}, body=body), list[TrafficShare])

    def promote(self, name: str, namespace: str = "") -> list[TrafficShare]:
        """Let a function's canary be its present version."""
        path = f"/system/function/{quote(name)}/promote"
        return self._decode(self._call("POST", path, query={"namespace": namespace}), list[TrafficShare])

    def end_canary(self, name: str, namespace: str = "") -> None:
        """Let a function's present version have all calls."""
        self._call("DELETE", f"/system/function/{quote(name)}/traffic", query={"namespace": namespace})

    def queue(self, state: str = "", limit: int = 100) -> QueueListing:
        """Asynchronous calls in a state, and how many there are of each."""
        answer = self._call("GET", "/system/queue", query={"state": state, "limit": str(limit)})
        return self._decode(answer, QueueListing)

    def async_call(self, call_id: str) -> AsyncCall:
        """What became of an asynchronous call."""
        answer = self._call("GET", f"/system/async/{quote(call_id)}", subject=f"call `{call_id}`")
        return self._decode(answer, AsyncCall)

    def async_result(self, call_id: str) -> bytes:
        """The body a function answered an asynchronous call with."""
        return self._call("GET", f"/system/async/{quote(call_id)}/result", subject=f"call `{call_id}`").data

    def replay(self, call_ids: Sequence[str] = ()) -> int:
        """Queue dead calls again, all of them without ids; returns how many."""
        body = encode(ReplayRequest(call_ids=list(call_ids)))
        answer = self._call("POST", "/system/queue/replay", body=body)
        return self._decode(answer, dict[str, int])["replayed"]

    def purge(self, state: str = "dead") -> int:
        """Forget calls that ended in this state; returns how many."""
        answer = self._call("DELETE", "/system/queue", query={"state": state})
        return self._decode(answer, dict[str, int])["purged"]

    def info(self) -> GatewayInfo:
        """Who the gateway and its provider are."""
        return self._decode(self._call("GET", "/system/info"), GatewayInfo)

    def logs(self, name: str, query: Mapping[str, str]) -> Iterator[LogMessage]:
        """Log lines as they come; ends when the gateway ends the stream. Raises GatewayError when it breaks off."""
        answer = self._send("GET", "/system/logs", {"name": name, **query}, stream=True, timeout=None)
        if answer.status != 200:
            self._refuse(answer, f"function `{name}`")
        try:
            yield from messages(answer.stream(_CHUNK))
        except urllib3.exceptions.HTTPError as err:
            raise GatewayError(f"{self.gateway} broke off the log: {_reason(err)}") from None
        except ValueError as err:
            raise GatewayError(f"{self.gateway} does not answer like a gateway: {err}") from None

    def healthy(self) -> bool:
        """Whether the gateway says that it is well."""
        return self._send("GET", "/healthz", (), timeout=self._timeout).status == 200

    def secrets(self, namespace: str = "") -> Sequence[Secret]:
        """Names of the secrets of a namespace; a gateway never tells their values."""
        return self._decode(self._call("GET", "/system/secrets", query={"namespace": namespace}), list[Secret])

    def create_secret(self, secret: Secret) -> int:
        """Store a secret; returns the HTTP status, 409 when there is one of that name."""
        return self._secret("POST", secret, allowed=(409,))

    def update_secret(self, secret: Secret) -> int:
        """Replace a secret's value; returns the HTTP status."""
        return self._secret("PUT", secret)

    def delete_secret(self, name: str, namespace: str = "") -> None:
        """Remove a secret."""
        self._secret("DELETE", Secret(name=name, namespace=namespace))

    def namespaces(self) -> Sequence[str]:
        """Names of all namespaces."""
        return self._decode(self._call("GET", "/system/namespaces"), list[str])

    def namespace(self, name: str) -> FunctionNamespace:
        """One namespace with its labels and annotations."""
        path = f"/system/namespace/{quote(name)}"
        return self._decode(self._call("GET", path, subject=f"namespace `{name}`"), FunctionNamespace)

    def put_namespace(self, namespace: FunctionNamespace, *, create: bool) -> None:
        """Make a namespace, or replace its labels and annotations."""
        method, name = ("POST", "") if create else ("PUT", quote(namespace.name))
        subject = f"namespace `{namespace.name}`"
        self._call(method, f"/system/namespace/{name}", body=encode(namespace), subject=subject)

    def delete_namespace(self, name: str) -> None:
        """Remove a namespace and the functions in it."""
        body = encode(FunctionNamespace(name=name, labels={"openfaas": "1"}))
        self._call("DELETE", f"/system/namespace/{quote(name)}", body=body, subject=f"namespace `{name}`")

    def _secret(self, method: str, secret: Secret, allowed: tuple[int, ...] = ()) -> int:
        subject = f"secret `{secret.name}`"
        return self._call(method, "/system/secrets", body=encode(secret), subject=subject, allowed=allowed).status

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
        """Call a function; credentials are never sent to it. The answer's body is not read yet.

        A body in pieces is sent while the answer is read, except over TLS or a proxy. `timeout` is the longest
        silence in seconds, None for no limit.
        """
        headers = {"User-Agent": f"{_agent()} (faas; {platform.system().lower()}; {platform.machine()})", **headers}
        url = urlsplit(self.gateway)
        if isinstance(body, bytes) or url.scheme == "https" or proxy_for(self.gateway):
            return self._send(
                method, path, query, body=body, headers=headers, stream=True, timeout=timeout, credentials=False
            )
        target = self._target(path, query)
        trace(method, self._origin + target, headers, body)
        try:
            wait = duplex.Timeouts(CONNECT_TIMEOUT, timeout)
            return duplex.call(url.hostname or "", url.port or 80, method, target, headers, body, wait)
        except (OSError, HTTPException) as err:
            self._unreachable(err, timeout)

    @property
    def bearer_token(self) -> str:
        """The token used with this gateway; empty when a user and a password are."""
        return self._credentials.token if self._credentials is not None else ""

    def post_form(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a form without credentials; returns status and body, whatever they are."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        answer = self._send("POST", path, (), body=body, headers=headers, timeout=self._timeout, credentials=False)
        return answer.status, answer.data

    def _deploy(self, method: str, deployment: FunctionDeployment, allowed: tuple[int, ...] = ()) -> int:
        subject = f"function `{deployment.service}`"
        return self._call(method, "/system/functions", body=encode(deployment), subject=subject, allowed=allowed).status

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
        """A management call; any status but 2xx and the allowed ones is an error about `subject`."""
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
        sent = {"User-Agent": _agent(), **(headers or {})}
        if credentials and self._credentials is not None:
            sent["Authorization"] = self._credentials.authorization()
        target = self._target(path, query)
        trace(method, self._origin + target, sent, body)
        try:
            return self._pool.urlopen(
                method,
                self._origin + target,
                body=body,
                headers=sent,
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
        return urlsplit(self.gateway).path + path + (f"?{urlencode(query)}" if query else "")

    @property
    def _origin(self) -> str:
        url = urlsplit(self.gateway)
        return f"{url.scheme}://{url.netloc}"

    def _unreachable(self, err: Exception, timeout: float | None) -> NoReturn:
        if isinstance(err, urllib3.exceptions.SSLError):
            hint = "`--tls-no-verify` accepts a certificate that nobody vouches for"
            raise GatewayError(f"the certificate of {self.gateway} was not accepted: {err}", hint=hint) from None
        if isinstance(err, (urllib3.exceptions.ReadTimeoutError, TimeoutError)) and timeout is not None:
            raise GatewayError(f"the gateway at {self.gateway} did not answer within {timeout:g} s") from None
        local = urlsplit(self.gateway).hostname in ("127.0.0.1", "localhost", "::1")
        elsewhere = "check the address: `--gateway`, the stack file, OPENFAAS_URL"
        hint = "start one with `faas gateway start`" if local else elsewhere
        raise GatewayError(f"no gateway answers at {self.gateway}: {_reason(err)}", hint=hint) from None

    def _refuse(self, answer: urllib3.BaseHTTPResponse, subject: str) -> NoReturn:
        text = answer.data.decode("utf-8", "replace").strip()
        if answer.status == 401:
            what = "did not accept the user and password" if self._credentials else "asks for a user and a password"
            hint = f"faas login --gateway {self.gateway} --username admin --password-stdin"
            raise GatewayError(f"the gateway at {self.gateway} {what}", hint=hint, status=401)
        if answer.status == 404 and subject:
            hint = "`faas list` shows what is there" if subject.startswith("function") else ""
            raise GatewayError(f"there is no {subject} at {self.gateway}", hint=hint, status=404)
        what = f"{subject}: " if subject else ""
        # The gateway's own sentence is the reason; a bare status only when it says nothing.
        raise GatewayError(f"{what}{text or 'no reason given'} (status {answer.status})", status=answer.status)

    def _decode(self, answer: urllib3.BaseHTTPResponse, kind: type[Wire]) -> Wire:
        try:
            return msgspec.json.decode(answer.data or b"[]", type=kind)
        except msgspec.DecodeError as err:
            raise GatewayError(f"{self.gateway} does not answer like a gateway: {err}", status=answer.status) from None


def connect(
    typed: str | None,
    stack: Stack | None,
    *,
    token: str = "",
    tls_no_verify: bool = False,
    timeout: float = REST_TIMEOUT,
) -> GatewayClient:
    """A client for the gateway a command is about, with the token typed or the credentials saved for it."""
    gateway = gateway_of(typed, stack.provider.gateway if stack is not None else "")
    credentials = Credentials(token=token) if token else load_credentials(gateway)
    return GatewayClient(gateway, credentials, verify=not tls_no_verify, timeout=timeout)


def _agent() -> str:
    return f"faas-cli/{__version__}"


def _reason(err: BaseException) -> str:
    """The operating system's word for it, from the innermost cause."""
    cause: BaseException | None = err
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return "the connection failed"
