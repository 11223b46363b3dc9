"""`/system/functions`, `/system/function/NAME` and `/system/scale-function/NAME`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import DeleteFunctionRequest, FunctionDeployment, FunctionStatus, ScaleRequest
from faas_runtime.gateway.control.answers import ACCEPTED, json_answer
from faas_runtime.gateway.control.bodies import namespace_of, read_body
from faas_runtime.gateway.control.services import room_of
from faas_runtime.gateway.control.validation import (
    check_deployment,
    check_function_name,
    check_no_canary,
    check_replicas,
)
from faas_runtime.gateway.control.versions import forget, remember
from faas_runtime.gateway.cron.schedule import next_run
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.traffic.canary import is_canary, weight_of, without_weight
from faas_runtime.providers.base import FunctionKey, Provider


async def list_functions(request: Request) -> Response:
    """All functions of a namespace, with how often each was called."""
    room = room_of(request)
    found = await room.provider.list(namespace_of(request))
    # A provider served alone knows of no canaries: to it, each is a function of the gateway it serves.
    hidden = room.canaries is not None
    shown = [each for each in found if not (hidden and is_canary(FunctionKey(each.name, each.namespace)))]
    return json_answer([_counted(_shown(request, status), room.metrics) for status in shown])


async def deploy(request: Request) -> Response:
    """Create a function."""
    deployment = without_weight(await _deployment(request))
    await _change(request, lambda provider: provider.deploy(deployment))
    await remember(room_of(request), deployment)
    return Response(status_code=ACCEPTED)


async def update(request: Request) -> Response:
    """Replace a function's whole specification, or start a canary where the deployment asks for a share."""
    given = await _deployment(request)
    deployment, weight = without_weight(given), weight_of(given.annotations)
    room = room_of(request)
    if weight is not None and room.canaries is not None:
        await room.canaries.deploy(deployment, weight)
        await room.changed()
        return Response(status_code=ACCEPTED)
    await _change(request, lambda provider: provider.update(deployment))
    if room.canaries is not None:
        await room.canaries.clear(FunctionKey(deployment.service, deployment.namespace))
    await remember(room, deployment)
    return Response(status_code=ACCEPTED)


async def delete(request: Request) -> Response:
    """Remove a function."""
    body = await read_body(request, DeleteFunctionRequest)
    check_function_name(body.function_name, "functionName")
    key = FunctionKey(body.function_name, namespace_of(request, body.namespace))
    room = room_of(request)
    if room.canaries is not None:
        check_no_canary(body.function_name, "functionName")
        await room.canaries.clear(key)
    await _change(request, lambda provider: provider.delete(key))
    await forget(room, key)
    return Response(status_code=ACCEPTED)


async def status(request: Request) -> Response:
    """One function, with how often it was called."""
    name = request.path_params["name"]
    room = room_of(request)
    found = await room.provider.get(FunctionKey(name, namespace_of(request)))
    return json_answer(_counted(_shown(request, found), room.metrics))


async def scale(request: Request) -> Response:
    """Ask for a number of replicas. The path names the function."""
    body = await read_body(request, ScaleRequest)
    check_replicas(body.replicas)
    key = FunctionKey(request.path_params["name"], namespace_of(request, body.namespace))
    await _change(request, lambda provider: provider.scale(key, body.replicas))
    return Response(status_code=ACCEPTED)


async def _change(request: Request, work: Callable[[Provider], Awaitable[None]]) -> None:
    """Change something at the provider; when it returns, the gateway's own loops know."""
    room = room_of(request)
    await work(room.provider)
    await room.changed()


async def _deployment(request: Request) -> FunctionDeployment:
    deployment = await read_body(request, FunctionDeployment)
    check_deployment(deployment)
    if room_of(request).canaries is not None:
        check_no_canary(deployment.service, "service")
    return msgspec.structs.replace(deployment, namespace=namespace_of(request, deployment.namespace))


def _shown(request: Request, status: FunctionStatus) -> FunctionStatus:
    """The status as it was asked for, its usage only where that is wanted, with the time of its next run."""
    wanted = request.query_params.get("usage", "") in ("1", "true")
    due = next_run(status.annotations, datetime.now(UTC)) if room_of(request).queue is not None else None
    if due is None and (wanted or status.usage is None):
        return status
    return msgspec.structs.replace(
        status, usage=status.usage if wanted else None, next_run=f"{due:%Y-%m-%dT%H:%M:%SZ}" if due else ""
    )


def _counted(status: FunctionStatus, metrics: InvocationMetrics) -> FunctionStatus:
    count = metrics.invocation_count(FunctionKey(status.name, status.namespace))
    return msgspec.structs.replace(status, invocation_count=float(count)) if count else status
