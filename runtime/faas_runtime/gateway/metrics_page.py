"""The metrics port: counters of calls and of this process, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import REGISTRY, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from faas_runtime.gateway.metrics import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def create_metrics_app(metrics: InvocationMetrics, routes: RoutingTable) -> Starlette:
    """An application that answers `/metrics`."""

    async def page(_: Request) -> Response:
        replicas = [(route.key, route.replicas) for route in routes.all()]
        text = metrics.render(replicas).encode() + generate_latest(REGISTRY)
        return Response(text, headers={"Content-Type": _TEXT})

    return Starlette(routes=[Route("/metrics", page)])
