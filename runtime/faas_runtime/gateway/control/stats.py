"""`/system/stats`: the gateway's counters of every function, for the dashboard and `faas top`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.gateway.control.answers import json_answer
from faas_runtime.gateway.control.services import room_of
from faas_runtime.gateway.metrics.invocations import Calls
from faas_runtime.providers.base import RouteUpdate


async def stats(request: Request) -> Response:
    """Counters since the gateway started: whoever reads them twice knows rates, errors and latency."""
    room = room_of(request)
    routes = sorted(room.routes.functions(), key=lambda route: route.key)
    return json_answer([_one(route, room.metrics.calls(route.key)) for route in routes])


def _one(route: RouteUpdate, calls: Calls) -> dict[str, Any]:
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
