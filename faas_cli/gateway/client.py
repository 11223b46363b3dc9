"""The REST client of a gateway, with the types of the wire format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import urllib3

from faas_cli.errors import GatewayError
from faas_cli.gateway.credentials import Credentials, gateway_of, load_credentials
from faas_cli.gateway.log_stream import messages
from faas_cli.gateway.transport import REST_TIMEOUT, GatewayTransport, error_reason
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

_CHUNK_BYTES = 64 * 1024
_UPLOAD_TIMEOUT = 600.0
"""Seconds the gateway may take to store a blob once it was sent."""


def function_path(name: str, namespace: str = "", *, asynchronous: bool = False) -> str:
    """The path at a gateway where a function is called; without a namespace, in the gateway's default one."""
    return f"/{'async-function' if asynchronous else 'function'}/{name}{f'.{namespace}' if namespace else ''}"


class GatewayClient(GatewayTransport):
    """The REST API of one gateway. Every method raises GatewayError, with a hint."""

    def functions(self, namespace: str = "") -> list[FunctionStatus]:
        """All functions of a namespace."""
        answer = self._call("GET", "/system/functions", query={"namespace": namespace})
        return self._decode(answer, list[FunctionStatus])

    def get(self, name: str, namespace: str = "", *, usage: bool = False) -> FunctionStatus:
        """One function; `usage` includes its current resource usage."""
        query = {"namespace": namespace, "usage": "1" if usage else ""}
        answer = self._call("GET", f"/system/function/{quote(name)}", query=query, subject=f"function `{name}`")
        return self._decode(answer, FunctionStatus)

    def is_ready(self, name: str = "", namespace: str = "") -> bool:
        """Whether a function has a replica that can be called; without a name, whether the gateway is healthy."""
        return self.get(name, namespace).available_replicas > 0 if name else self.healthy()

    def url_of(self, name: str, namespace: str = "", *, asynchronous: bool = False) -> str:
        """Where a function is called."""
        return self.gateway + function_path(name, namespace, asynchronous=asynchronous)

    def create(self, deployment: FunctionDeployment) -> int:
        """Deploy a new function; returns the HTTP status."""
        return self._deploy("POST", deployment)

    def update(self, deployment: FunctionDeployment) -> int:
        """Replace a function's deployment; returns the HTTP status, 404 if it does not exist."""
        return self._deploy("PUT", deployment, allowed=(404,))

    def delete(self, name: str, namespace: str = "") -> None:
        """Remove a function."""
        body = encode(DeleteFunctionRequest(function_name=name, namespace=namespace))
        self._call("DELETE", "/system/functions", body=body, subject=f"function `{name}`")

    def scale(self, name: str, replicas: int, namespace: str = "") -> None:
        """Set the number of replicas."""
        body = encode(ScaleRequest(service_name=name, replicas=replicas, namespace=namespace))
        query = {"namespace": namespace}
        self._call(
            "POST", f"/system/scale-function/{quote(name)}", query=query, body=body, subject=f"function `{name}`"
        )

    def versions(self, name: str, namespace: str = "") -> list[FunctionVersion]:
        """The stored versions of a function, newest first."""
        path = f"/system/function/{quote(name)}/versions"
        answer = self._call("GET", path, query={"namespace": namespace}, subject=f"function `{name}`")
        return self._decode(answer, list[FunctionVersion])

    def rollback(self, name: str, version: int, namespace: str = "") -> FunctionVersion:
        """Roll a function back to an earlier version; 0 is the previous one."""
        path = f"/system/function/{quote(name)}/rollback"
        # No subject: the function or the version may be missing, and the gateway's message says which.
        body = encode(RollbackRequest(version=version))
        answer = self._call("POST", path, query={"namespace": namespace}, body=body)
        return self._decode(answer, FunctionVersion)

    def traffic(self, name: str, namespace: str = "") -> list[TrafficShare]:
        """The versions of a function that receive calls, the current one first."""
        path = f"/system/function/{quote(name)}/traffic"
        answer = self._call("GET", path, query={"namespace": namespace}, subject=f"function `{name}`")
        return self._decode(answer, list[TrafficShare])

    def share(self, name: str, version: int, weight: int, namespace: str = "") -> list[TrafficShare]:
        """Route `weight` percent of the calls to a version, the rest to the current one."""
        path = f"/system/function/{quote(name)}/traffic"
        body = encode(TrafficRequest(version=version, weight=weight))
        return self._decode(self._call("PUT", path, query={"namespace": namespace}, body=body), list[TrafficShare])

    def promote(self, name: str, namespace: str = "") -> list[TrafficShare]:
        """Make a function's canary its current version."""
        path = f"/system/function/{quote(name)}/promote"
        return self._decode(self._call("POST", path, query={"namespace": namespace}), list[TrafficShare])

    def end_canary(self, name: str, namespace: str = "") -> None:
        """Route all calls to a function's current version."""
        self._call("DELETE", f"/system/function/{quote(name)}/traffic", query={"namespace": namespace})

    def queue(self, state: str = "", limit: int = 100, function: str = "") -> QueueListing:
        """Asynchronous calls in a state and of a function (`NAME.NAMESPACE`), and the number in every state."""
        query = {"state": state, "function": function, "limit": str(limit)}
        answer = self._call("GET", "/system/queue", query=query)
        return self._decode(answer, QueueListing)

    def async_call(self, call_id: str) -> AsyncCall:
        """The state of an asynchronous call."""
        answer = self._call("GET", f"/system/async/{quote(call_id)}", subject=f"call `{call_id}`")
        return self._decode(answer, AsyncCall)

    def async_result(self, call_id: str) -> bytes:
        """The response body of an asynchronous call."""
        return self._call("GET", f"/system/async/{quote(call_id)}/result", subject=f"call `{call_id}`").data

    def replay(self, call_ids: Sequence[str] = ()) -> int:
        """Queue dead letters again, all of them if `call_ids` is empty; returns their number."""
        body = encode(ReplayRequest(call_ids=list(call_ids)))
        answer = self._call("POST", "/system/queue/replay", body=body)
        return self._decode(answer, dict[str, int])["replayed"]

    def purge(self, state: str = "dead", function: str = "") -> int:
        """Delete calls in this state, of all functions or one (`NAME.NAMESPACE`); returns their number."""
        answer = self._call("DELETE", "/system/queue", query={"state": state, "function": function})
        return self._decode(answer, dict[str, int])["purged"]

    def info(self) -> GatewayInfo:
        """Versions of the gateway and its provider."""
        return self._decode(self._call("GET", "/system/info"), GatewayInfo)

    def images(self) -> dict[str, str] | None:
        """The digests of the images in the gateway's own store by name; None for a gateway without such a store.

        A gateway of another project may answer a path that it does not know in any way.
        """
        answer = self._call("GET", "/system/images", allowed=(400, 403, 404, 405, 500, 501, 502, 503))
        try:
            return self._decode(answer, dict[str, str]) if answer.status == 200 else None
        except GatewayError:
            return None

    def has_blob(self, digest: str) -> bool:
        """Whether the gateway's store has a blob of an image."""
        return self._call("GET", f"/system/images/blobs/{digest}", allowed=(404,)).status == 200

    def put_blob(self, digest: str, path: Path) -> None:
        """Upload a blob of an image."""
        headers = {"Content-Length": str(path.stat().st_size), "Content-Type": "application/octet-stream"}
        with path.open("rb") as blob:
            answer = self._send(
                "PUT", f"/system/images/blobs/{digest}", {}, body=blob, headers=headers, timeout=_UPLOAD_TIMEOUT
            )
        if not 200 <= answer.status < 300:
            self._refuse(answer, f"image blob `{digest}`")

    def put_image(self, image: str, manifest: bytes) -> None:
        """Name an image whose blobs were uploaded."""
        self._call("PUT", "/system/images", query={"image": image}, body=manifest)

    def logs(self, name: str, query: Mapping[str, str]) -> Iterator[LogMessage]:
        """Log lines as they arrive, until the gateway ends the stream; iterating raises GatewayError if it is cut off.

        The request is sent at once, not by the first step of the iteration. Empty values of `query` are left out.
        """
        pairs = {key: value for key, value in {"name": name, **query}.items() if value}
        answer = self._send("GET", "/system/logs", pairs, stream=True, timeout=None)
        if answer.status != 200:
            self._refuse(answer, f"function `{name}`")
        return self._log_lines(answer)

    def _log_lines(self, answer: urllib3.BaseHTTPResponse) -> Iterator[LogMessage]:
        try:
            yield from messages(answer.stream(_CHUNK_BYTES))
        except urllib3.exceptions.HTTPError as err:
            raise GatewayError(f"the log of {self.gateway} was cut off: {error_reason(err)}") from None
        except ValueError as err:
            raise GatewayError(f"{self.gateway} does not answer like a gateway: {err}") from None

    def healthy(self) -> bool:
        """Whether the gateway reports that it is healthy."""
        return self._send("GET", "/healthz", (), timeout=self._timeout).status == 200

    def health_lines(self) -> list[str]:
        """The problems and warnings that the gateway reports, as `PART: TEXT`."""
        text = self._send("GET", "/healthz", (), timeout=self._timeout).data.decode("utf-8", "replace")
        # Other gateways answer `OK`, or a page of their proxy.
        return [line for line in text.splitlines() if re.match(r"[a-z]+: ", line)]

    def secrets(self, namespace: str = "") -> Sequence[Secret]:
        """Names of the secrets of a namespace; a gateway never returns their values."""
        return self._decode(self._call("GET", "/system/secrets", query={"namespace": namespace}), list[Secret])

    def create_secret(self, secret: Secret) -> int:
        """Create a secret; returns the HTTP status, 409 if the name exists."""
        return self._secret("POST", secret, allowed=(409,))

    def update_secret(self, secret: Secret) -> int:
        """Replace a secret's value; returns the HTTP status."""
        return self._secret("PUT", secret)

    def set_secret(self, secret: Secret) -> int:
        """Create a secret, or replace its value; returns the HTTP status."""
        status = self.create_secret(secret)
        return self.update_secret(secret) if status == 409 else status

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
        """Create a namespace, or replace its labels and annotations."""
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

    @property
    def bearer_token(self) -> str:
        """The bearer token for this gateway; empty if there is none."""
        return self._credentials.token if self._credentials is not None else ""

    def post_form(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a form without credentials; returns status and body of any response."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(form).encode()
        answer = self._send("POST", path, (), body=body, headers=headers, timeout=self._timeout, credentials=False)
        return answer.status, answer.data

    def _deploy(self, method: str, deployment: FunctionDeployment, allowed: tuple[int, ...] = ()) -> int:
        subject = f"function `{deployment.service}`"
        return self._call(method, "/system/functions", body=encode(deployment), subject=subject, allowed=allowed).status


def connect(
    typed: str | None,
    stack: Stack | None,
    *,
    token: str = "",
    tls_no_verify: bool = False,
    timeout: float = REST_TIMEOUT,
) -> GatewayClient:
    """A client for a command's gateway, with the given token, else the saved credentials."""
    gateway = gateway_of(typed, stack.provider.gateway if stack is not None else "")
    credentials = Credentials(token=token) if token else load_credentials(gateway)
    return GatewayClient(gateway, credentials, verify=not tls_no_verify, timeout=timeout)
