"""`/system/function/NAME/versions` and `/rollback`: earlier deployments, and restoring one."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import FunctionDeployment, FunctionVersion, RollbackRequest
from faas_runtime.core.errors import NotFound, RuntimeFault, Unsupported
from faas_runtime.gateway.control.requests import Services, json_response, namespace_of, read_body, services_of
from faas_runtime.gateway.traffic.versions import Version, VersionStore, current_of, find
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.logs import now_rfc3339

log = logging.getLogger("faas.control")


async def list_versions(request: Request) -> Response:
    """The stored versions of a function, newest first."""
    services = services_of(request)
    key = _key(request)
    await services.provider.get(key)
    found = await asyncio.to_thread(_store(services).read, key)
    current = current_of(found)
    return json_response([_shown(version, version is current) for version in reversed(found)])


async def rollback(request: Request) -> Response:
    """Deploy an earlier version again, with the same image digest; it becomes the newest version."""
    services = services_of(request)
    key = _key(request)
    desired = await read_body(request, RollbackRequest)
    await services.provider.get(key)
    version = _choose(await asyncio.to_thread(_store(services).read, key), key, desired.version)
    deployment = version.pinned_deployment()
    await services.provider.update(deployment)
    if services.canaries is not None:
        await services.canaries.clear(key)
    await services.changed()
    await store_version(services, deployment)
    return json_response(_shown(version, False))


async def store_version(services: Services, deployment: FunctionDeployment) -> None:
    """Store an accepted deployment as a version; the function runs even when that fails."""
    if services.versions is None:
        return
    try:
        pinned = await services.provider.pinned_image(FunctionKey(deployment.service, deployment.namespace))
        await asyncio.to_thread(services.versions.add, deployment, pinned, now_rfc3339())
    except (RuntimeFault, OSError) as error:
        log.warning("the version of %s cannot be stored: %s", deployment.service, error)


async def delete_versions(services: Services, key: FunctionKey) -> None:
    """Delete the versions of a function that was deleted."""
    if services.versions is not None:
        await asyncio.to_thread(services.versions.delete, key)


async def delete_namespace_versions(services: Services, name: str) -> None:
    """Delete the versions and canaries of a namespace that was deleted."""
    if services.canaries is not None:
        await services.canaries.delete_namespace(name)
    if services.versions is not None:
        await asyncio.to_thread(services.versions.delete_namespace, name)


def _choose(known: list[Version], key: FunctionKey, number: int) -> Version:
    if number == 0:
        served = [version for version in known if version.served]
        if len(served) < 2:
            raise NotFound(f"function `{key.name}` has no earlier version")
        return served[-2]
    return find(known, key, number)


def _store(services: Services) -> VersionStore:
    if services.versions is None:
        raise Unsupported("this gateway keeps no versions")
    return services.versions


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
