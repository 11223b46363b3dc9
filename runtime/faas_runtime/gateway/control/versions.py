"""`/system/function/NAME/versions` and `/rollback`: earlier deployments, and bringing one back."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.api import FunctionDeployment, FunctionVersion, RollbackRequest
from faas_runtime.errors import NotFound, RuntimeFault, Unsupported
from faas_runtime.gateway.control.answers import json_answer
from faas_runtime.gateway.control.bodies import namespace_of, read_body
from faas_runtime.gateway.control.room import ControlRoom, room_of
from faas_runtime.gateway.versions import Version, VersionBook
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.control")


async def list_versions(request: Request) -> Response:
    """The versions kept of a function, newest first."""
    room = room_of(request)
    key = _key(request)
    await room.provider.get(key)
    found = await asyncio.to_thread(_book(room).read, key)
    return json_answer([_shown(version, version is found[-1]) for version in reversed(found)])


async def rollback(request: Request) -> Response:
    """Deploy an earlier version again, with the very image it had; it becomes the newest version."""
    room = room_of(request)
    key = _key(request)
    wanted = await read_body(request, RollbackRequest)
    await room.provider.get(key)
    version = _choose(await asyncio.to_thread(_book(room).read, key), key, wanted.version)
    image = version.pinned or version.deployment.image
    deployment = msgspec.structs.replace(version.deployment, image=image)
    await room.provider.update(deployment)
    await room.changed()
    await remember(room, deployment)
    return json_answer(_shown(version, False))


async def remember(room: ControlRoom, deployment: FunctionDeployment) -> None:
    """Note a deployment that was accepted; the function runs even when that fails."""
    if room.versions is None:
        return
    try:
        pinned = await room.provider.pinned_image(FunctionKey(deployment.service, deployment.namespace))
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        await asyncio.to_thread(room.versions.add, deployment, pinned, now)
    except (RuntimeFault, OSError) as error:
        log.warning("the version of %s is not kept: %s", deployment.service, error)


async def forget(room: ControlRoom, key: FunctionKey) -> None:
    """The function is gone, and its versions with it."""
    if room.versions is not None:
        await asyncio.to_thread(room.versions.forget, key)


def _choose(known: list[Version], key: FunctionKey, number: int) -> Version:
    if number == 0:
        if len(known) < 2:
            raise NotFound(f"function `{key.name}` has no earlier version")
        return known[-2]
    for version in known:
        if version.number == number:
            return version
    raise NotFound(f"function `{key.name}` has no version {number}")


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
