"""`/system/function/NAME/versions` and `/rollback`: earlier deployments, and bringing one back."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import FunctionDeployment, FunctionVersion, RollbackRequest
from faas_runtime.core.errors import NotFound, RuntimeFault, Unsupported
from faas_runtime.gateway.control.answers import json_answer
from faas_runtime.gateway.control.bodies import namespace_of, read_body
from faas_runtime.gateway.control.services import ControlRoom, room_of
from faas_runtime.gateway.traffic.versions import Version, VersionBook, find, present_of
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.logs import now_rfc3339

log = logging.getLogger("faas.control")


async def list_versions(request: Request) -> Response:
    """The versions kept of a function, newest first."""
    room = room_of(request)
    key = _key(request)
    await room.provider.get(key)
    found = await asyncio.to_thread(_book(room).read, key)
    present = present_of(found)
    return json_answer([_shown(version, version is present) for version in reversed(found)])


async def rollback(request: Request) -> Response:
    """Deploy an earlier version again, with the very image it had; it becomes the newest version."""
    room = room_of(request)
    key = _key(request)
    wanted = await read_body(request, RollbackRequest)
    await room.provider.get(key)
    version = _choose(await asyncio.to_thread(_book(room).read, key), key, wanted.version)
    deployment = version.with_its_image()
    await room.provider.update(deployment)
    if room.canaries is not None:
        await room.canaries.clear(key)
    await room.changed()
    await remember(room, deployment)
    return json_answer(_shown(version, False))


async def remember(room: ControlRoom, deployment: FunctionDeployment) -> None:
    """Note a deployment that was accepted; the function runs even when that fails."""
    if room.versions is None:
        return
    try:
        pinned = await room.provider.pinned_image(FunctionKey(deployment.service, deployment.namespace))
        await asyncio.to_thread(room.versions.add, deployment, pinned, now_rfc3339())
    except (RuntimeFault, OSError) as error:
        log.warning("the version of %s is not kept: %s", deployment.service, error)


async def forget(room: ControlRoom, key: FunctionKey) -> None:
    """The function is gone, and its versions with it."""
    if room.versions is not None:
        await asyncio.to_thread(room.versions.forget, key)


async def forget_namespace(room: ControlRoom, name: str) -> None:
    """The functions of a namespace are gone, and their versions and canaries with them."""
    if room.canaries is not None:
        await room.canaries.forget_namespace(name)
    if room.versions is not None:
        await asyncio.to_thread(room.versions.forget_namespace, name)


def _choose(known: list[Version], key: FunctionKey, number: int) -> Version:
    if number == 0:
        served = [version for version in known if version.served]
        if len(served) < 2:
            raise NotFound(f"function `{key.name}` has no earlier version")
        return served[-2]
    return find(known, key, number)


def _book(room: ControlRoom) -> VersionBook:
    if room.versions is None:
        raise Unsupported("this gateway keeps no versions")
    return room.versions


def _key(request: Request) -> FunctionKey:
    return FunctionKey(request.path_params["name"], namespace_of(request))


def _shown(version: Version, current: bool) -> FunctionVersion:
    return FunctionVersion(
        version=version.number,
        image=version.deployment.image,
        pinned=version.pinned,
        created_at=version.created_at,
        current=current,
    )
