"""`faas deploy`: run functions on a gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from faas_cli.console import Console
from faas_cli.deployment.request import DeployFlags, deployment_of
from faas_cli.errors import EXIT_FAILED, GatewayError, UsageError
from faas_cli.options import Duration, FaasCommand, Pair, gateway_options, stack_namespace_option, stack_options, switch
from faas_cli.stack.model import Function, Provider, Resources, Stack
from faas_cli.stack.select import open_stack, select

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient
    from faas_runtime.core.api import FunctionDeployment

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def deploy_flags(command: Decorated) -> Decorated:
    """The flags that say how to deploy; `flags_of` reads them."""
    for option in (
        click.option("-e", "--env", "environment", type=Pair(), multiple=True, help="Environment KEY=VALUE."),
        click.option("-l", "--label", "labels", type=Pair(), multiple=True, help="Label KEY=VALUE."),
        click.option("--annotation", "annotations", type=Pair(), multiple=True, help="Annotation KEY=VALUE."),
        click.option("--constraint", "constraints", multiple=True, help="Where the function may run."),
        click.option("--secret", "secrets", multiple=True, help="Secret the function may read."),
        switch("--readonly", help="Make the function's file system read-only."),
        switch("--update", default=True, help="Replace a function that is there, without failing a call."),
        switch("--replace", help="Remove the function first (with --update=false)."),
        switch("--read-template", default=True, help="Take the function's process from its template."),
        click.option(
            "--timeout", type=Duration(), default="60s", show_default=True, help="Longest wait for the gateway."
        ),
    ):
        command = option(command)
    return command


def flags_of(flags: dict[str, Any], *, tag: str, namespace: str) -> DeployFlags:
    """What flags, read with `deploy_flags`, add to the stack file."""
    if flags["replace"] and flags["update"]:
        raise UsageError("`--replace` removes the function first, `--update` keeps it", hint="add `--update=false`")
    return DeployFlags(
        environment=dict(flags["environment"]),
        labels=dict(flags["labels"]),
        annotations=dict(flags["annotations"]),
        constraints=flags["constraints"],
        secrets=flags["secrets"],
        readonly=flags["readonly"],
        namespace=namespace,
        tag=tag,
        read_template=flags["read_template"],
    )


def deploy_all(
    client: GatewayClient,
    functions: Sequence[Function],
    flags: DeployFlags,
    console: Console,
    *,
    update: bool,
    replace: bool,
) -> bool:
    """Deploy functions one after the other, all of them even if one fails; whether all were accepted."""
    deployments = [deployment_of(function, flags) for function in functions]
    failed: list[str] = []
    for deployment in deployments:
        console.progress(f"Deploying: {deployment.service}.")
        try:
            status = deploy_one(client, deployment, update=update, replace=replace)
        except GatewayError as err:
            console.error(err.message, err.hint)
            failed.append(deployment.service)
            if err.status in (0, 401):
                break
            continue
        word = {200: "OK", 201: "Created", 202: "Accepted"}.get(status, "")
        suffix = f".{deployment.namespace}" if deployment.namespace else ""
        console.data(f"\nDeployed. {status} {word}.")
        console.data(f"URL: {client.gateway}/function/{deployment.service}{suffix}\n")
    if failed and len(deployments) > 1:
        console.error(f"{len(failed)} of {len(deployments)} functions were not deployed: {', '.join(failed)}")
    return not failed


def deploy_one(client: GatewayClient, deployment: FunctionDeployment, *, update: bool, replace: bool) -> int:
    """Deploy one function; returns the HTTP status. Raises GatewayError."""
    if replace:
        try:
            client.delete(deployment.service, deployment.namespace)
        except GatewayError as err:
            if err.status != 404:
                raise
    if update:
        status = client.update(deployment)
        if status != 404:
            return status
    return client.create(deployment)


@click.command(cls=FaasCommand)
@stack_options
@gateway_options
@stack_namespace_option
@click.option("--image", default="", help="Image of a function that is in no stack file.")
@click.option("--name", default="", help="Its name.")
@click.option("--fprocess", default="", help="Its process.")
@click.option("--lang", default="", hidden=True)
@click.option("--handler", default="", hidden=True)
@click.option("--network", default="", hidden=True)
@click.option("--memory-limit", default="", help="Its most memory.")
@click.option("--cpu-limit", default="", help="Its most CPU.")
@click.option("--memory-request", default="", help="Memory to reserve for it.")
@click.option("--cpu-request", default="", help="CPU to reserve for it.")
@click.option("--tag", default="latest", show_default=True, help="Tag from: latest, sha, branch, describe or digest.")
@deploy_flags
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool,
    gateway: str | None, tls_no_verify: bool, token: str, namespace: str,
    image: str, name: str, fprocess: str, lang: str, handler: str, network: str,
    memory_limit: str, cpu_limit: str, memory_request: str, cpu_request: str,
    tag: str, **flags: Any,
) -> int:  # fmt: skip
    """Deploy the functions of a stack to a gateway."""
    from faas_cli.gateway.client import connect

    console = Console()
    without_stack = bool(image or name) and not stack_file
    wanted = flags_of(flags, tag="" if without_stack else tag, namespace=namespace)
    if without_stack:
        if not (image and name):
            raise UsageError("a function without a stack file needs both `--image` and `--name`")
        single = Function(
            name=name,
            image=image,
            fprocess=fprocess,
            limits=Resources(memory=memory_limit, cpu=cpu_limit),
            requests=Resources(memory=memory_request, cpu=cpu_request),
        )
        stack = Stack(provider=Provider(name="openfaas"), functions={name: single})
    else:
        stack = open_stack(stack_file, envsubst=envsubst)
    functions = select(stack, pattern, regex)
    client = connect(gateway, stack, token=token, tls_no_verify=tls_no_verify, timeout=flags["timeout"])
    warn_plain_http(client.gateway, console)
    done = deploy_all(client, functions, wanted, console, update=flags["update"], replace=flags["replace"])
    return 0 if done else EXIT_FAILED


def warn_plain_http(gateway: str, console: Console) -> None:
    """Say so when credentials would cross a network in the clear."""
    if not gateway.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        console.warning(f"{gateway} is not encrypted: the password crosses the network in the clear")
