"""`faas generate`: a stack as Kubernetes or Knative resources."""

from __future__ import annotations

from typing import Any

import click

from faas_cli.build.tags import image_reference
from faas_cli.console import Console
from faas_cli.flags import FaasCommand, stack_options
from faas_cli.stack.loader import environment_of
from faas_cli.stack.model import Function, Resources
from faas_cli.stack.select import open_stack, select
from faas_runtime.api import DEFAULT_NAMESPACE, SECRETS_PATH

KNATIVE = "serving.knative.dev/v1"


@click.command(cls=FaasCommand)
@stack_options
@click.option("--api", default="openfaas.com/v1", show_default=True, help=f"API version; {KNATIVE} for Knative.")
@click.option("-n", "--namespace", default=None, help="Namespace of the resources; empty for none.")
@click.option("--tag", default="latest", show_default=True, help="Tag from: latest, sha, branch, describe or digest.")
def command(
    stack_file: str, pattern: str, regex: str, envsubst: bool, api: str, namespace: str | None, tag: str
) -> None:
    """Write the functions of a stack as resources for `kubectl apply`."""
    import yaml

    functions = select(open_stack(stack_file, envsubst=envsubst), pattern, regex)
    documents = [
        resource(function, api, namespace, image_reference(function, tag))
        for function in sorted(functions, key=lambda each: each.name)
    ]
    console = Console()
    for document in documents:
        console.out.write("---\n" + yaml.safe_dump(document, sort_keys=False, default_flow_style=False, indent=2))
    console.data()


def resource(function: Function, api: str, namespace: str | None, image: str) -> dict[str, Any]:
    """One function as a resource; `namespace` None means the function's own, else the default."""
    where = (function.namespace or DEFAULT_NAMESPACE) if namespace is None else namespace
    environment: dict[str, str] = dict(function.environment)
    for name in function.environment_file:
        from pathlib import Path

        environment |= environment_of(Path(name))
    metadata = {"name": function.name, "namespace": where} if where else {"name": function.name}
    if api == KNATIVE:
        return _knative(function, metadata, image, environment)
    spec = {
        "name": function.name,
        "image": image,
        "environment": environment,
        "labels": function.labels,
        "annotations": function.annotations,
        "limits": _resources(function.limits),
        "requests": _resources(function.requests),
        "constraints": function.constraints,
        "secrets": function.secrets,
        "readOnlyRootFilesystem": function.readonly_root_filesystem,
    }
    filled = {key: value for key, value in spec.items() if value}
    return {"apiVersion": api, "kind": "Function", "metadata": metadata, "spec": filled}


def _resources(resources: Resources | None) -> dict[str, str] | None:
    return None if resources is None else {"memory": resources.memory, "cpu": resources.cpu}


def _knative(function: Function, metadata: dict[str, Any], image: str, environment: dict[str, str]) -> dict[str, Any]:
    container: dict[str, Any] = {"image": image}
    if environment:
        container["env"] = [{"name": key, "value": value} for key, value in sorted(environment.items())]
    spec: dict[str, Any] = {"containers": [container]}
    if function.secrets:
        container["volumeMounts"] = [
            {"name": name, "mountPath": f"{SECRETS_PATH}/{name}", "readOnly": True} for name in function.secrets
        ]
        spec["volumes"] = [{"name": name, "secret": {"secretName": name}} for name in function.secrets]
    if function.annotations:
        metadata = {**metadata, "annotations": function.annotations}
    return {"apiVersion": KNATIVE, "kind": "Service", "metadata": metadata, "spec": {"template": {"spec": spec}}}
