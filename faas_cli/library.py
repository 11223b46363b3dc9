"""What `from faas_cli import ...` gives: the toolchain for Python programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from faas_cli.console import Console
from faas_cli.deployment.deploy import deploy_one
from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.deployment.unserved import unserved
from faas_cli.errors import FaasError, GatewayError
from faas_cli.gateway.client import GatewayClient
from faas_cli.gateway.credentials import Credentials, gateway_of, load_credentials, normalised
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions, BuildResult
from faas_cli.images.plan import build_functions
from faas_cli.images.report import ConsoleReporter
from faas_cli.stack.loader import load
from faas_cli.stack.model import Function, Stack
from faas_cli.stack.select import select
from faas_runtime.core.api import FunctionStatus

__all__ = ["BuildOptions", "DeployOptions", "FaasError", "Function", "Gateway", "Stack", "build", "deploy", "load",
           "select"]  # fmt: skip


def build(
    stack: Stack,
    functions: Iterable[Function] | None = None,
    options: BuildOptions | None = None,
    *,
    project: Path = Path(),
    check: bool = True,
) -> list[BuildResult]:
    """Build functions of a stack (all of them by default) and return a result for each.

    `options` are quiet by default. With `check`, the first failure is raised (a FaasError) once all builds
    have ended.
    """
    chosen = list(functions) if functions is not None else list(stack.functions.values())
    options = options or BuildOptions(quiet=True)
    console = Console(quiet=options.quiet)
    with ConsoleReporter(console, chosen, options) as report:
        builder = choose_builder(options, stack, console)
        results = build_functions(stack, chosen, options, report, builder, project)
    for result in results:
        if check and result.error is not None:
            raise result.error
    return results


class Gateway:
    """A gateway to deploy to and to call; without credentials, those saved by `faas login` are used."""

    def __init__(
        self, url: str, *, user: str = "admin", password: str = "", token: str = "", verify: bool = True
    ) -> None:
        address = normalised(url)
        given = Credentials(token=token) if token else Credentials(user=user, password=password)
        credentials = given if token or password else load_credentials(address)
        self._client = GatewayClient(address, credentials, verify=verify)

    def deploy(
        self, stack: Stack, functions: Iterable[Function] | None = None, options: DeployOptions | None = None
    ) -> None:
        """Deploy functions of a stack (all of them by default). Raises FaasError."""
        options = options or DeployOptions()
        chosen = functions if functions is not None else stack.functions.values()
        deployments = [deployment_of(function, options) for function in chosen]
        if options.strict:
            unserved(self._client, deployments, strict=True)
        for deployment in deployments:
            deploy_one(self._client, deployment, options)

    def functions(self, namespace: str = "") -> list[FunctionStatus]:
        """The functions of a namespace."""
        return self._client.functions(namespace)

    def remove(self, name: str, namespace: str = "") -> None:
        """Remove a function."""
        self._client.delete(name, namespace)

    def scale(self, name: str, replicas: int, namespace: str = "") -> None:
        """Set the number of replicas of a function."""
        self._client.scale(name, replicas, namespace)

    def invoke(
        self, name: str, body: bytes = b"", *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Call a function and return its whole response. Raises GatewayError for any status but 2xx."""
        sent = {"Content-Type": "text/plain", **(headers or {})}
        answer = self._client.invoke(f"/function/{name}", method=method, body=body, headers=sent, query=())
        content = b"".join(answer.stream(64 * 1024))
        if not 200 <= answer.status < 300:
            text = content.decode("utf-8", "replace").strip()
            raise GatewayError(f"`{name}` answered with status {answer.status}: {text}", status=answer.status)
        return content


def deploy(
    stack: Stack,
    gateway: Gateway | None = None,
    functions: Iterable[Function] | None = None,
    options: DeployOptions | None = None,
) -> None:
    """Deploy functions of a stack (all of them by default). Raises FaasError.

    Without a gateway: the stack file's, else `OPENFAAS_URL`'s, with the credentials saved by `faas login`.
    """
    (gateway or Gateway(gateway_of(None, stack.provider.gateway))).deploy(stack, functions, options)
