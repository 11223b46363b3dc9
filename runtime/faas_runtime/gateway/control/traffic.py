"""`/system/function/NAME/traffic` and `/promote`: how the calls of a function are split between two versions."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import TrafficRequest, TrafficShare
from faas_runtime.core.errors import Invalid, NotFound, Unsupported
from faas_runtime.gateway.control.requests import (
    ACCEPTED,
    Services,
    json_response,
    namespace_of,
    read_body,
    services_of,
)
from faas_runtime.gateway.control.validation import check_function_name, check_no_canary
from faas_runtime.gateway.metrics.invocations import Share
from faas_runtime.gateway.traffic.canaries import Canaries
from faas_runtime.gateway.traffic.versions import Version, current_of
from faas_runtime.providers.base import FunctionKey


async def show(request: Request) -> Response:
    """The versions that get calls, the current one first; only one unless there is a canary."""
    services, key = services_of(request), _key(request)
    return json_response(await _shown(services, key))


async def share(request: Request) -> Response:
    """Send a share of the calls to a kept version, as the function's canary."""
    services, key = services_of(request), _key(request)
    desired = await read_body(request, TrafficRequest)
    if not 0 <= desired.weight <= 100:
        raise Invalid(f"field `weight`: {desired.weight} is not a percentage from 0 to 100")
    await services.provider.get(key)
    number = desired.version or await _canary_version(services, key)
    await _canaries(services).choose(key, number, desired.weight)
    await services.changed()
    return json_response(await _shown(services, key))


async def promote(request: Request) -> Response:
    """Make the canary's version the current one."""
    services, key = services_of(request), _key(request)
    await services.provider.get(key)
    await _canaries(services).promote(key)
    await services.changed()
    return json_response(await _shown(services, key))


async def end(request: Request) -> Response:
    """Send all calls to the current version again."""
    services, key = services_of(request), _key(request)
    await services.provider.get(key)
    await _canaries(services).end(key)
    await services.changed()
    return Response(status_code=ACCEPTED)


async def _shown(services: Services, key: FunctionKey) -> list[TrafficShare]:
    status = await services.provider.get(key)
    traffic = await _canaries(services).get(key)
    known = [] if services.versions is None else await asyncio.to_thread(services.versions.read, key)
    current = current_of(known)
    if traffic is None:
        number = current.number if current is not None else 0
        return [TrafficShare(version=number, weight=100, image=_image(known, number) or status.image)]
    return [
        _share(known, counted, weight, status.image)
        for counted, weight in zip(services.metrics.shares(key), (100 - traffic.weight, traffic.weight), strict=False)
    ]


def _share(known: list[Version], counted: Share, weight: int, image: str) -> TrafficShare:
    codes = counted.codes
    return TrafficShare(
        version=counted.version,
        weight=weight,
        image=_image(known, counted.version) or image,
        canary=counted.canary,
        calls=sum(series.count for series in codes.values()),
        errors=sum(series.count for code, series in codes.items() if code >= 500),
        seconds=sum(series.seconds for series in codes.values()),
    )


def _image(known: list[Version], number: int) -> str:
    return next((each.pinned or each.deployment.image for each in known if each.number == number), "")


async def _canary_version(services: Services, key: FunctionKey) -> int:
    traffic = await _canaries(services).get(key)
    if traffic is None:
        raise NotFound(f"function `{key.name}` has no canary: name a version in field `version`")
    return traffic.version


def _canaries(services: Services) -> Canaries:
    if services.canaries is None:
        raise Unsupported("this gateway cannot split calls between versions")
    return services.canaries


def _key(request: Request) -> FunctionKey:
    name = request.path_params["name"]
    check_function_name(name, "name")
    check_no_canary(name, "name")
    return FunctionKey(name, namespace_of(request))
