"""What `from faas_cli import ...` gives: the toolchain for Python programs.

Every expected failure is a FaasError. An argument of a wrong type is a TypeError, raised before anything is done.
"""

from __future__ import annotations

import base64
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from urllib3 import HTTPHeaderDict

from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_one
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.deployment.secrets import check_name
from faas_cli.deployment.unserved import unserved
from faas_cli.deployment.upload import ImageUploads
from faas_cli.errors import FaasError, GatewayError, UsageError
from faas_cli.gateway.client import GatewayClient
from faas_cli.gateway.credentials import Credentials, gateway_of, load_credentials, normalised
from faas_cli.gateway.invocation import Call, Response, send
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions, BuildResult
from faas_cli.images.plan import build_functions
from faas_cli.images.report import ConsoleReporter
from faas_cli.stack.loader import load
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import select
from faas_runtime.core.api import AsyncCall, FunctionStatus, LogMessage, Secret

__all__ = ["AsyncCall", "BuildOptions", "BuildResult", "DeployOptions", "FaasError", "Function", "FunctionStatus",
           "Gateway", "GatewayError", "LogMessage", "Stack", "build", "deploy", "load", "select"]  # fmt: skip

_USER = "admin"
_READY_INTERVAL = 0.2


def build(
    stack: Stack,
    functions: Iterable[Function | str] | None = None,
    options: BuildOptions | None = None,
    *,
    project: Path = Path(),
    check: bool = True,
) -> list[BuildResult]:
    """Build functions of a stack, given as such or by name (all of them by default), and return a result for each.

    Paths of the stack are relative to `project`. `options` are quiet by default. With `check`, the first failure is
    raised (a FaasError) once all builds have ended.
    """
    chosen = _chosen(stack, functions)
    options = options or BuildOptions(quiet=True)
    _check("options", options, BuildOptions)
    console = Console(quiet=options.quiet)
    with ConsoleReporter(console, chosen, options) as report:
        builder = choose_builder(options, stack, console)
        results = build_functions(stack, chosen, options, report, builder, project)
    for result in results:
        if check and result.error is not None:
            raise result.error
    return results


class Gateway:
    """A gateway to deploy to and to call; without credentials, those saved by `faas login` are used.

    Every method raises GatewayError when the gateway refuses or cannot be reached; `status` is the HTTP status.
    """

    def __init__(
        self, url: str, *, user: str = _USER, password: str = "", token: str = "", verify: bool = True
    ) -> None:
        _check("url", url, str)
        address = normalised(url)
        if token and password:
            raise UsageError("`token` and `password` exclude each other")
        if user != _USER and not password:
            raise UsageError("`user` needs `password`")
        given = Credentials(token=token) if token else Credentials(user=user, password=password)
        credentials = given if token or password else load_credentials(address)
        self._client = GatewayClient(address, credentials, verify=verify)

    @property
    def url(self) -> str:
        """The gateway's address, without a slash at its end."""
        return self._client.gateway

    def deploy(
        self,
        stack: Stack,
        functions: Iterable[Function | str] | None = None,
        options: DeployOptions | None = None,
        *,
        project: Path = Path(),
    ) -> list[str]:
        """Deploy functions of a stack (all of them by default) and return the address of each.

        A setting that has no effect with this gateway is a Python warning, and an error with `strict` options.
        """
        chosen = _chosen(stack, functions)
        options = options or DeployOptions()
        _check("options", options, DeployOptions)
        deployments = [deployment_of(function, options, project) for function in chosen]
        for text in unserved(self._client, deployments, strict=options.strict):
            warnings.warn(text, stacklevel=2)
        uploads = ImageUploads(self._client)
        for deployment in deployments:
            deploy_one(self._client, deployment, options, uploads)
        return [self._client.url_of(each.service, each.namespace) for each in deployments]

    def functions(self, namespace: str = "") -> list[FunctionStatus]:
        """The functions of a namespace."""
        return self._client.functions(namespace)

    def remove(self, name: str, namespace: str = "") -> None:
        """Remove a function."""
        self._client.delete(_name(name), namespace)

    def scale(self, name: str, replicas: int, namespace: str = "") -> None:
        """Set the number of replicas of a function."""
        _at_least("replicas", replicas, 0)
        self._client.scale(_name(name), replicas, namespace)

    def wait_ready(self, name: str = "", namespace: str = "", *, timeout: float = 60.0) -> None:
        """Return once a function has a replica that can be called, or without a name, once the gateway answers.

        Raises GatewayError after `timeout` seconds, and at once for credentials that are refused.
        """
        _timeout(timeout)
        deadline = time.monotonic() + timeout
        subject, reason = (f"function `{_name(name)}`" if name else "the gateway"), "it has no ready replica"
        while True:
            try:
                if self._client.is_ready(name, namespace):
                    return
            except GatewayError as err:
                if err.status == 401:
                    raise
                reason = err.message
            if time.monotonic() >= deadline:
                raise GatewayError(f"{subject} at {self.url} was not ready within {timeout:g} s: {reason}")
            time.sleep(_READY_INTERVAL)

    def invoke(
        self,
        name: str,
        body: bytes | str = b"",
        *,
        namespace: str = "",
        path: str = "",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """Call a function and return its whole response. Raises GatewayError for any status but 2xx.

        Text is sent as UTF-8; the content type is text/plain unless a header names another. `timeout` is how many
        seconds the function may be silent, None for no limit.
        """
        if timeout is not None:
            _timeout(timeout)
        call = Call(_name(name), namespace, path, method, _pairs("query", query), timeout=timeout)
        return b"".join(self._send(call, body, headers).chunks)

    def invoke_async(
        self,
        name: str,
        body: bytes | str = b"",
        *,
        namespace: str = "",
        path: str = "",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        callback: str = "",
    ) -> str:
        """Queue a call and return its id; the gateway sends the response to the URL `callback`, if there is one."""
        call = Call(_name(name), namespace, path, method, _pairs("query", query), asynchronous=True)
        return self._send(call, body, headers, [("X-Callback-Url", callback)] if callback else []).call_id

    def async_call(self, call_id: str) -> AsyncCall:
        """The state of an asynchronous call."""
        _check("call_id", call_id, str)
        return self._client.async_call(call_id)

    def async_result(self, call_id: str) -> bytes:
        """The response of a finished asynchronous call."""
        _check("call_id", call_id, str)
        return self._client.async_result(call_id)

    def logs(
        self,
        name: str,
        namespace: str = "",
        *,
        instance: str = "",
        since: datetime | timedelta | None = None,
        lines: int | None = None,
        follow: bool = False,
    ) -> Iterator[LogMessage]:
        """The log of a function, or of one of its replicas, oldest line first; with `follow`, also what comes.

        `since` is a time or a duration until now, `lines` how many last lines, None for all.
        """
        query = {"instance": instance, "namespace": namespace, "follow": str(follow).lower()}
        if since is not None:
            _check("since", since, datetime, timedelta)
            moment = datetime.now(UTC) - since if isinstance(since, timedelta) else since.astimezone(UTC)
            query["since"] = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if lines is not None:
            _at_least("lines", lines, 1)
            query["tail"] = str(lines)
        return self._client.logs(_name(name), query)

    def secrets(self, namespace: str = "") -> list[str]:
        """The names of the secrets of a namespace; a gateway never returns their values."""
        return sorted(secret.name for secret in self._client.secrets(namespace))

    def set_secret(self, name: str, value: bytes | str, namespace: str = "") -> None:
        """Create a secret, or replace its value."""
        _check("name", name, str)
        check_name(name)
        if not (raw := _bytes("value", value)):
            raise UsageError(f"the value of secret `{name}` is empty")
        text, encoded = raw.decode("utf-8", "replace"), base64.b64encode(raw).decode()
        secret = Secret(name=name, namespace=namespace, value=text, raw_value=encoded)
        self._client.set_secret(secret)

    def remove_secret(self, name: str, namespace: str = "") -> None:
        """Remove a secret."""
        _check("name", name, str)
        self._client.delete_secret(name, namespace)

    def _send(
        self, call: Call, body: bytes | str, headers: Mapping[str, str] | None, more: Sequence[tuple[str, str]] = ()
    ) -> Response:
        call.check()
        sent = HTTPHeaderDict([*_pairs("headers", headers), *more])
        sent.setdefault("Content-Type", "text/plain")
        return send(self._client, call, sent, _bytes("body", body))


def deploy(
    stack: Stack,
    gateway: Gateway | None = None,
    functions: Iterable[Function | str] | None = None,
    options: DeployOptions | None = None,
    *,
    project: Path = Path(),
) -> list[str]:
    """Deploy functions of a stack (all of them by default) and return their addresses. Raises FaasError.

    Without a gateway: the stack file's, else `OPENFAAS_URL`'s, with the credentials saved by `faas login`.
    """
    _check("stack", stack, Stack)
    gateway = gateway or Gateway(gateway_of(None, stack.provider.gateway))
    _check("gateway", gateway, Gateway)
    return gateway.deploy(stack, functions, options, project=project)


def _chosen(stack: Stack, functions: Iterable[Function | str] | None) -> list[Function]:
    _check("stack", stack, Stack)
    if functions is None:
        return list(stack.functions.values())
    if isinstance(functions, (str, Function)):
        raise TypeError("`functions` must be several functions or names, in a list")
    chosen = []
    for each in functions:
        _check("functions", each, Function, str)
        if isinstance(each, str) and each not in stack.functions:
            names = ", ".join(stack.functions)
            raise UsageError(f"there is no function `{each}` in the stack", hint=f"the functions are: {names}")
        chosen.append(stack.functions[each] if isinstance(each, str) else each)
    return chosen


def _check(name: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"`{name}` must be {' or '.join(kind.__name__ for kind in kinds)}, not {type(value).__name__}")


def _at_least(name: str, value: int, limit: int) -> None:
    _check(name, value, int)
    if value < limit:
        raise UsageError(f"`{name}` must be at least {limit}: {value}")


def _timeout(seconds: float) -> None:
    _check("timeout", seconds, int, float)
    if not seconds > 0:
        raise UsageError(f"`timeout` must be greater than 0: {seconds}")


def _name(name: str) -> str:
    _check("name", name, str)
    if not name or any(each in name for each in "/?#"):
        raise UsageError(
            f"`{name}` is not the name of a function", hint="give a path and a query as `path` and `query`"
        )
    return name


def _bytes(name: str, value: bytes | str) -> bytes:
    _check(name, value, bytes, str)
    return value.encode() if isinstance(value, str) else value


def _pairs(name: str, values: Mapping[str, str] | None) -> list[tuple[str, str]]:
    values = {} if values is None else values
    _check(name, values, Mapping)
    for key, value in values.items():
        _check(name, key, str)
        _check(f"{name}[{key!r}]", value, str)
    return list(values.items())
