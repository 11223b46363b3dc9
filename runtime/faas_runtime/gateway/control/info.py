"""`/system/info`, `/system/stats`, `/system/store` and `/healthz`: what a client asks about the gateway itself."""

from __future__ import annotations

import platform
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime import __version__
from faas_runtime.core.api import GatewayInfo, ProviderInfo, VersionInfo
from faas_runtime.core.errors import RuntimeFault, Unsupported
from faas_runtime.gateway.control.requests import json_response, services_of
from faas_runtime.gateway.metrics.invocations import Calls
from faas_runtime.providers.base import RouteUpdate

_UNKNOWN = ProviderInfo(
    provider="unknown", version=VersionInfo(release="unknown", sha="unknown"), orchestration="unknown"
)


async def info(request: Request) -> Response:
    """The provider, and the gateway's release. Answers even when the platform does not."""
    try:
        provider = await services_of(request).provider.info()
    except RuntimeFault:
        # Clients read every field without a check: null would crash them.
        provider = _UNKNOWN
    version = VersionInfo(release=__version__, sha="unknown")
    return json_response(GatewayInfo(provider=provider, version=version, arch=platform.machine()))


async def provider_info(request: Request) -> Response:
    """The provider, as a provider describes itself to a gateway."""
    return json_response(await services_of(request).provider.info())


async def health(request: Request) -> Response:
    """200 when all is well, else 503; one line for each loop that has a problem, and for each warning."""
    services = services_of(request)
    problems = services.problems()
    lines = [f"{name}: {text}" for found in (problems, services.warnings()) for name, text in sorted(found.items())]
    if not lines:
        return Response()
    return PlainTextResponse("\n".join(lines), 503 if problems else 200)


async def stats(request: Request) -> Response:
    """Every function's counters since the gateway started. Two readings give rates, errors and latency."""
    services = services_of(request)
    routes = sorted(services.routes.functions(), key=lambda route: route.key)
    return json_response([_counters(route, services.metrics.calls(route.key)) for route in routes])


async def store(request: Request) -> Response:
    """The functions of the store with an image for this machine."""
    store = services_of(request).store
    if store is None:
        raise Unsupported("this gateway has no function store")
    return json_response(await store.entries())


def _counters(route: RouteUpdate, calls: Calls) -> dict[str, Any]:
    return {
        "name": route.key.name,
        "namespace": route.key.namespace,
        "replicas": route.replicas,
        "availableReplicas": len(route.endpoints),
        "started": calls.started,
        "inFlight": calls.in_flight,
        "codes": {str(code): series.count for code, series in sorted(calls.codes.items())},
        "seconds": sum(series.seconds for series in calls.codes.values()),
    }
