"""`/system/function/NAME/traffic` and `/promote`: which of two versions gets how many of the calls."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import TrafficRequest, TrafficShare
from faas_runtime.core.errors import Invalid, NotFound, Unsupported
from faas_runtime.gateway.control.answers import ACCEPTED, json_answer
from faas_runtime.gateway.control.bodies import namespace_of, read_body
from faas_runtime.gateway.control.services import ControlRoom, room_of
from faas_runtime.gateway.control.validation import check_function_name, check_no_canary
from faas_runtime.gateway.metrics.invocations import Share
from faas_runtime.gateway.traffic.canaries import Canaries
from faas_runtime.gateway.traffic.versions import Version, present_of
from faas_runtime.providers.base import FunctionKey


async def show(request: Request) -> Response:
    """The versions that get calls, the present one first; one unless there is a canary."""
    room, key = room_of(request), _key(request)
    return json_answer(await _shown(room, key))


async def share(request: Request) -> Response:
    """Give a version that was kept a share of the calls, as the function's canary."""
    room, key = room_of(request), _key(request)
    wanted = await read_body(request, TrafficRequest)
    if not 0 <= wanted.weight <= 100:
        raise Invalid(f"field `weight`: {wanted.weight} is not a percentage from 0 to 100")
    await room.provider.get(key)
    number = wanted.version or await _present_canary(room, key)
    await _canaries(room).choose(key, number, wanted.weight)
    await room.changed()
    return json_answer(await _shown(room, key))


async def promote(request: Request) -> Response:
    """Let the canary's version be the present one."""
    room, key = room_of(request), _key(request)
    await room.provider.get(key)
    await _canaries(room).promote(key)
    await room.changed()
    return json_answer(await _shown(room, key))


async def end(request: Request) -> Response:
    """Let the present version have all calls again."""
    room, key = room_of(request), _key(request)
    await room.provider.get(key)
    await _canaries(room).end(key)
    await room.changed()
    return Response(status_code=ACCEPTED)


async def _shown(room: ControlRoom, key: FunctionKey) -> list[TrafficShare]:
    status = await room.provider.get(key)
    traffic = await _canaries(room).get(key)
    known = [] if room.versions is None else await asyncio.to_thread(room.versions.read, key)
    present = present_of(known)
    if traffic is None:
        number = present.number if present is not None else 0
        return [TrafficShare(version=number, weight=100, image=_image(known, number) or status.image)]
    return [
        _share(known, counted, weight, status.image)
        for counted, weight in zip(room.metrics.shares(key), (100 - traffic.weight, traffic.weight), strict=False)
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


async def _present_canary(room: ControlRoom, key: FunctionKey) -> int:
    traffic = await _canaries(room).get(key)
    if traffic is None:
        raise NotFound(f"function `{key.name}` has no canary: name a version in field `version`")
    return traffic.version


def _canaries(room: ControlRoom) -> Canaries:
    if room.canaries is None:
        raise Unsupported("this gateway divides no calls between versions")
    return room.canaries


def _key(request: Request) -> FunctionKey:
    name = request.path_params["name"]
    check_function_name(name, "name")
    check_no_canary(name, "name")
    return FunctionKey(name, namespace_of(request))
