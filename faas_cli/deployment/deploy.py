"""Deploying functions to a gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from faas_cli.deployment.request import DeployOptions, deployment_of
from faas_cli.deployment.unserved import unserved
from faas_cli.deployment.upload import ImageUploads
from faas_cli.errors import GatewayError
from faas_cli.stack.model import Function
from faas_runtime.core.container_rights import loosened

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.gateway.client import GatewayClient
    from faas_runtime.core.api import FunctionDeployment

T = TypeVar("T")


def deploy_all(client: GatewayClient, functions: Sequence[Function], options: DeployOptions, console: Console) -> bool:
    """Deploy functions one after the other and report each; return whether all were accepted.

    Goes on after a failure, unless the gateway cannot be reached or refuses the credentials.
    Raises FaasError, before anything is sent, for a function that cannot be deployed.
    """
    deployments = [deployment_of(function, options) for function in functions]
    warn_unserved(client, deployments, options, console)

    uploads = ImageUploads(client)

    def one(deployment: FunctionDeployment) -> None:
        console.progress(f"Deploying: {deployment.service}.")
        report_deployed(client, deployment, deploy_one(client, deployment, options, uploads), console)

    return each_on_gateway(deployments, lambda deployment: deployment.service, one, "deployed", console)


def deploy_one(
    client: GatewayClient,
    deployment: FunctionDeployment,
    options: DeployOptions = DeployOptions(),  # noqa: B008 - frozen
    uploads: ImageUploads | None = None,
) -> int:
    """Deploy one function; return the HTTP status. Its image is uploaded where the gateway has no other way to it.

    Raises FaasError.
    """
    (uploads or ImageUploads(client)).upload(deployment.image)
    if options.replace:
        try:
            client.delete(deployment.service, deployment.namespace)
        except GatewayError as err:
            if err.status != 404:
                raise
    if options.update:
        status = client.update(deployment)
        if status != 404:
            return status
    return client.create(deployment)


def warn_unserved(
    client: GatewayClient, deployments: Sequence[FunctionDeployment], options: DeployOptions, console: Console
) -> None:
    """Warn of settings that have no effect with this gateway, and name those that loosen what containers may do.

    Raises FaasError for settings without effect when `options` are strict.
    """
    for deployment in deployments:
        for allowed in loosened(deployment):
            console.warning(f"`{deployment.service}` has more rights than functions have by default: `{allowed}`")
    for warning in unserved(client, deployments, strict=options.strict):
        console.warning(warning)


def report_deployed(client: GatewayClient, deployment: FunctionDeployment, status: int, console: Console) -> None:
    """The lines of faas-cli for a function that was accepted."""
    word = {200: "OK", 201: "Created", 202: "Accepted"}.get(status, "")
    if status == 200:
        console.info(f"{deployment.service}: it exists already and is updated")
    console.data(f"\nDeployed. {status} {word}.")
    console.data(f"URL: {client.url_of(deployment.service, deployment.namespace)}\n")


def remove_all(client: GatewayClient, functions: Sequence[tuple[str, str]], console: Console) -> bool:
    """Remove functions, each a name and a namespace, and report each; return whether all are removed."""

    def one(function: tuple[str, str]) -> None:
        name, namespace = function
        # The dot stays without a namespace: scripts match the line of faas-cli.
        console.progress(f"Deleting: {name}.{namespace}")
        client.delete(name, namespace)
        console.data("Removing old function.")

    return each_on_gateway(functions, lambda function: function[0], one, "removed", console)


def each_on_gateway(
    things: Sequence[T], name_of: Callable[[T], str], act: Callable[[T], None], done: str, console: Console
) -> bool:
    """Act on each; errors are reported and the next one follows, unless it would fail in the same way."""
    failed: list[str] = []
    for thing in things:
        try:
            act(thing)
        except GatewayError as err:
            console.error(err.message, err.hint)
            failed.append(name_of(thing))
            if err.status in (0, 401):
                break
    if failed and len(things) > 1:
        console.error(f"{len(failed)} of {len(things)} functions were not {done}: {', '.join(failed)}")
    return not failed
