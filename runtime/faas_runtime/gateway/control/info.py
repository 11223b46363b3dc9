"""`/system/info` and `/healthz`."""

from __future__ import annotations

import platform

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime import __version__
from faas_runtime.core.api import GatewayInfo, ProviderInfo, VersionInfo
from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.control.answers import json_answer
from faas_runtime.gateway.control.services import room_of

_UNKNOWN = ProviderInfo(
    provider="unknown", version=VersionInfo(release="unknown", sha="unknown"), orchestration="unknown"
)


async def info(request: Request) -> Response:
    """Who runs the functions, and which release this is. It answers even when the platform does not."""
    try:
        provider = await room_of(request).provider.info()
    except RuntimeFault:
        # Clients read every field without looking: null would crash them.
        provider = _UNKNOWN
    version = VersionInfo(release=__version__, sha="unknown")
    return json_answer(GatewayInfo(provider=provider, version=version, arch=platform.machine()))


async def provider_info(request: Request) -> Response:
    """Who runs the functions, in the shape in which a provider tells a gateway."""
    return json_answer(await room_of(request).provider.info())


async def health(request: Request) -> Response:
    """200 and nothing when all is well, else 503 and one line for each loop that has stopped."""
    problems = room_of(request).loops()
    if problems:
        return PlainTextResponse("\n".join(f"{name}: {problem}" for name, problem in sorted(problems.items())), 503)
    return Response()
