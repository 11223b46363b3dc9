"""`/system/functions`, `/system/function/NAME` and `/system/scale-function/NAME`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import DeleteFunctionRequest, FunctionDeployment, FunctionStatus, ScaleRequest
from faas_runtime.gateway.control.requests import ACCEPTED, json_response, namespace_of, read_body, services_of
from faas_runtime.gateway.control.validation import (
    check_deployment,
    check_function_name,
    check_no_canary,
    check_replicas,
)
from faas_runtime.gateway.control.versions import delete_versions, store_version
from faas_runtime.gateway.cron.schedule import next_run
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.traffic.canary import is_canary, weight_of, without_weight
from faas_runtime.providers.base import FunctionKey, Provider


async def list_functions(request: Request) -> Response:
    """All functions of a namespace, with their invocation counts."""
    services = services_of(request)
    found = await services.provider.list(namespace_of(request))
    # To a standalone provider a canary is a function like any other.
    hidden = services.canaries is not None
    shown = [each for each in found if not (hidden and is_canary(FunctionKey(each.name, each.namespace)))]
    return json_response([_counted(_status(request, status), services.metrics) for status in shown])


async def deploy(request: Request) -> Response:
    """Create a function."""
    deployment = without_weight(await _deployment(request))
    await _change(request, lambda provider: provider.deploy(deployment))
    await store_version(services_of(request), deployment)
    return Response(status_code=ACCEPTED)


async def update(request: Request) -> Response:
    """Replace a function's whole specification, or start a canary if the deployment has a share of the traffic."""
    given = await _deployment(request)
    deployment, weight = without_weight(given), weight_of(given.annotations)
    services = services_of(request)
    if weight is not None and services.canaries is not None:
        await services.canaries.deploy(deployment, weight)
        await services.changed()
        return Response(status_code=ACCEPTED)
    await _change(request, lambda provider: provider.update(deployment))
    if services.canaries is not None:
        await services.canaries.clear(FunctionKey(deployment.service, deployment.namespace))
    await store_version(services, deployment)
    return Response(status_code=ACCEPTED)


async def delete(request: Request) -> Response:
    """Delete a function."""
    body = await read_body(request, DeleteFunctionRequest)
    check_function_name(body.function_name, "functionName")
    key = FunctionKey(body.function_name, namespace_of(request, body.namespace))
    services = services_of(request)
    if services.canaries is not None:
        check_no_canary(body.function_name, "functionName")
        await services.canaries.clear(key)
    await _change(request, lambda provider: provider.delete(key))
    await delete_versions(services, key)
    if services.queue is not None:
        await services.queue.calls.drop(key, "the function was deleted")
    return Response(status_code=ACCEPTED)


async def status(request: Request) -> Response:
    """One function, with how often it was called."""
    name = request.path_params["name"]
    services = services_of(request)
    found = await services.provider.get(FunctionKey(name, namespace_of(request)))
    return json_response(_counted(_status(request, found), services.metrics))


async def scale(request: Request) -> Response:
    """Set the desired number of replicas. The path names the function."""
    body = await read_body(request, ScaleRequest)
    check_replicas(body.replicas)
    key = FunctionKey(request.path_params["name"], namespace_of(request, body.namespace))
    await _change(request, lambda provider: provider.scale(key, body.replicas))
    return Response(status_code=ACCEPTED)


async def _change(request: Request, work: Callable[[Provider], Awaitable[None]]) -> None:
    """Change something at the provider, and return once the gateway's loops and proxies know."""
    services = services_of(request)
    await work(services.provider)
    await services.changed()


async def _deployment(request: Request) -> FunctionDeployment:
    deployment = await read_body(request, FunctionDeployment)
    check_deployment(deployment)
    if services_of(request).canaries is not None:
        check_no_canary(deployment.service, "service")
    return msgspec.structs.replace(deployment, namespace=namespace_of(request, deployment.namespace))


def _status(request: Request, status: FunctionStatus) -> FunctionStatus:
    """The status with the time of its next scheduled run, and without usage unless the request has `usage=1`."""
    with_usage = request.query_params.get("usage", "") in ("1", "true")
    services = services_of(request)
    scheduled = services.queue is not None and services.schedules
    due = next_run(status.annotations, datetime.now(UTC)) if scheduled else None
    if due is None and (with_usage or status.usage is None):
        return status
    return msgspec.structs.replace(
        status, usage=status.usage if with_usage else None, next_run=f"{due:%Y-%m-%dT%H:%M:%SZ}" if due else ""
    )


def _counted(status: FunctionStatus, metrics: InvocationMetrics) -> FunctionStatus:
    count = metrics.invocation_count(FunctionKey(status.name, status.namespace))
    return msgspec.structs.replace(status, invocation_count=float(count)) if count else status
