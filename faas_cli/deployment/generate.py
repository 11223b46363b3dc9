"""Functions as resources of another system: OpenFaaS's operator, Knative, plain Kubernetes, Docker's stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from faas_cli.errors import FaasError
from faas_cli.images.tags import image_reference
from faas_cli.stack.loader import environment_of
from faas_cli.stack.model import Function, Resources
from faas_runtime.core.api import DEFAULT_NAMESPACE, SECRETS_PATH
from faas_runtime.core.quantities import cpu_cores, memory_bytes

Document = dict[str, Any]

OPENFAAS = "openfaas.com/v1"
KNATIVE = "serving.knative.dev/v1"
KUBERNETES = "apps/v1"
DOCKER = "docker"
SHORT_NAMES = {"openfaas": OPENFAAS, "knative": KNATIVE, "kubernetes": KUBERNETES}
"""Short names; any other value is the API version of a `Function`."""

_PORT = 8080
_SCALE = "com.openfaas.scale."
_CPU_TARGET = 70
"""Percent of the requested CPU at which Kubernetes adds replicas."""


def manifests(functions: list[Function], api: str, tag: str, namespace: str | None) -> Iterator[str]:
    """The YAML text of each resource for these functions.

    `tag` is the tag scheme; `namespace` is for all of them, None for each one's own.
    Raises FaasError for a tag or quantity that is invalid.
    """
    import yaml

    class Plain(yaml.SafeDumper):
        """Repeats a value instead of an alias: these files are read by people."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    def target(function: Function) -> str:
        return (function.namespace or DEFAULT_NAMESPACE) if namespace is None else namespace

    tagged = [msgspec.structs.replace(each, image=image_reference(each, tag)) for each in functions]
    for document in documents(tagged, api, target):
        yield yaml.dump(document, Dumper=Plain, sort_keys=False, default_flow_style=False)


def documents(functions: list[Function], api: str, namespace: Callable[[Function], str]) -> list[Document]:
    """The resources for these functions, whose images have their tags already.

    `namespace` returns the namespace of a function, empty for none. Raises FaasError for an invalid quantity.
    """
    api = SHORT_NAMES.get(api, api)
    if api == DOCKER:
        return [_docker_stack(functions)] if functions else []
    found: list[Document] = []
    for function in functions:
        chosen = namespace(function)
        metadata = {"name": function.name, "namespace": chosen} if chosen else {"name": function.name}
        if api == KNATIVE:
            found.append(_knative(function, metadata))
        elif api == KUBERNETES:
            found += _kubernetes(function, metadata)
        else:
            found.append(_function(function, metadata, api))
    return found


def _environment(function: Function) -> dict[str, str]:
    environment = dict(function.environment)
    for name in function.environment_file:
        environment |= environment_of(Path(name))
    return environment


def _filled(fields: Mapping[str, Any]) -> Document:
    return {key: value for key, value in fields.items() if value}


def _function(function: Function, metadata: Document, api: str) -> Document:
    spec = {
        "name": function.name,
        "image": function.image,
        "environment": _environment(function),
        "labels": function.labels,
        "annotations": function.annotations,
        "limits": _both(function.limits),
        "requests": _both(function.requests),
        "constraints": function.constraints,
        "secrets": function.secrets,
        "readOnlyRootFilesystem": function.readonly_root_filesystem,
    }
    return {"apiVersion": api, "kind": "Function", "metadata": metadata, "spec": _filled(spec)}


def _both(resources: Resources | None) -> dict[str, str] | None:
    return None if resources is None else {"memory": resources.memory, "cpu": resources.cpu}


def _pairs(environment: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": key, "value": value} for key, value in sorted(environment.items())]


def _knative(function: Function, metadata: Document) -> Document:
    container: Document = {"image": function.image} | _filled({"env": _pairs(_environment(function))})
    spec: Document = {"containers": [container]}
    if function.secrets:
        container["volumeMounts"] = [
            {"name": name, "mountPath": f"{SECRETS_PATH}/{name}", "readOnly": True} for name in function.secrets
        ]
        spec["volumes"] = [{"name": name, "secret": {"secretName": name}} for name in function.secrets]
    if function.annotations:
        metadata = {**metadata, "annotations": function.annotations}
    return {"apiVersion": KNATIVE, "kind": "Service", "metadata": metadata, "spec": {"template": {"spec": spec}}}


def _kubernetes(function: Function, metadata: Document) -> list[Document]:
    """A Deployment, a Service in front of it, and an autoscaler when the function requests CPU."""
    labels = function.labels or {}
    marks = {"faas_function": function.name}
    smallest, largest = _scale(function, "min", 1), _scale(function, "max", 20)
    pod = {"metadata": _filled({"labels": {**labels, **marks}, "annotations": function.annotations})}
    pod["spec"] = _pod(function)
    deployment = {
        "apiVersion": KUBERNETES,
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": smallest, "selector": {"matchLabels": marks}, "template": pod},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": marks, "ports": [{"name": "http", "port": _PORT, "targetPort": _PORT}]},
    }
    if function.requests is None or not function.requests.cpu or largest <= smallest:
        return [deployment, service]
    target = {"type": "Utilization", "averageUtilization": _CPU_TARGET}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": KUBERNETES, "kind": "Deployment", "name": function.name},
            "minReplicas": smallest,
            "maxReplicas": largest,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
    return [deployment, service, scaler]


def _pod(function: Function) -> Document:
    environment = _environment(function) | ({"fprocess": function.fprocess} if function.fprocess else {})
    probe = {"httpGet": {"path": "/_/health", "port": _PORT}}
    container: Document = {
        "name": function.name,
        "image": function.image,
        **_filled({"env": _pairs(environment)}),
        "ports": [{"name": "http", "containerPort": _PORT}],
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
    limits = {key: _filled(_both(part) or {}) for key, part in _parts(function)}
    container |= _filled({"resources": _filled(limits)})
    mounts: list[Document] = []
    volumes: list[Document] = []
    if function.readonly_root_filesystem:
        container["securityContext"] = {"readOnlyRootFilesystem": True}
        mounts.append({"name": "temp", "mountPath": "/tmp"})  # noqa: S108
        volumes.append({"name": "temp", "emptyDir": {}})
    if function.secrets:
        mounts.append({"name": "secrets", "mountPath": SECRETS_PATH, "readOnly": True})
        sources = [{"secret": {"name": name}} for name in function.secrets]
        volumes.append({"name": "secrets", "projected": {"sources": sources}})
    container |= _filled({"volumeMounts": mounts})
    selector = dict(each.replace("==", "=").split("=", 1) for each in function.constraints or () if "=" in each)
    return {"containers": [container], **_filled({"volumes": volumes, "nodeSelector": selector})}


def _parts(function: Function) -> list[tuple[str, Resources | None]]:
    return [("requests", function.requests), ("limits", function.limits)]


def _scale(function: Function, kind: str, default: int) -> int:
    text = (function.labels or {}).get(_SCALE + kind, "")
    if not text:
        return default
    if not text.isdecimal():
        raise FaasError(f"`{function.name}`: the label `{_SCALE}{kind}: {text}` must be a whole number")
    return int(text)


def _docker_stack(functions: list[Function]) -> Document:
    services = {function.name: _service(function) for function in functions}
    secrets = {name: {"external": True} for function in functions for name in function.secrets}
    return {"version": "3.8", "services": services, **_filled({"secrets": secrets})}


def _service(function: Function) -> Document:
    # A dollar sign would be read as a variable of the stack file.
    environment = _environment(function) | ({"fprocess": function.fprocess} if function.fprocess else {})
    secrets = [{"source": name, "target": f"{SECRETS_PATH}/{name}"} for name in function.secrets]
    reservations, limits = _amounts(function, function.requests), _amounts(function, function.limits)
    deploy = {
        "replicas": _scale(function, "min", 1),
        **_filled({"resources": _filled({"reservations": reservations, "limits": limits})}),
        **_filled({"placement": _filled({"constraints": function.constraints})}),
        **_filled({"labels": function.labels}),
    }
    return {
        "image": function.image,
        **_filled({"environment": {key: value.replace("$", "$$") for key, value in environment.items()}}),
        **_filled({"secrets": secrets, "read_only": function.readonly_root_filesystem}),
        "deploy": deploy,
    }


def _amounts(function: Function, resources: Resources | None) -> dict[str, str]:
    if resources is None:
        return {}
    try:
        memory = str(memory_bytes(resources.memory)) if resources.memory else ""
        cpus = f"{cpu_cores(resources.cpu):f}" if resources.cpu else ""
    except ValueError as err:
        raise FaasError(f"`{function.name}`: {err}") from None
    return _filled({"cpus": cpus, "memory": memory})
