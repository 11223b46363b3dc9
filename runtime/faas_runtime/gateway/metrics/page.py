"""The metrics page: calls, queue, background loops and this process, in the Prometheus text format."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prometheus_client import REGISTRY, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.queue.model import State
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey

_TEXT = "text/plain; version=0.0.4; charset=utf-8"

Counts = Mapping[FunctionKey, Mapping[State, int]]


def create_metrics_app(
    metrics: InvocationMetrics,
    routes: RoutingTable,
    states: Callable[[], Mapping[str, str]],
    queued: Callable[[], Awaitable[Counts]],
    is_leader: Callable[[], bool],
) -> Starlette:
    """An application that serves `/metrics`.

    `states` returns the problem of each loop, `queued` the number of calls by state, `is_leader` whether this gateway
    is the one that scales.
    """

    async def page(_: Request) -> Response:
        replicas = [(route.key, route.replicas) for route in routes.functions()]
        own = [*_loops(states()), *_replicas(routes), *_queue(await queued()), *_leader(is_leader()), *_tasks()]
        text = metrics.render(replicas) + "\n".join(own) + "\n"
        return Response(text.encode() + generate_latest(REGISTRY), headers={"Content-Type": _TEXT})

    return Starlette(routes=[Route("/metrics", page)])


def _loops(states: Mapping[str, str]) -> Iterator[str]:
    yield "# HELP faas_loop_up Whether a background loop of the gateway works"
    yield "# TYPE faas_loop_up gauge"
    for name, problem in sorted(states.items()):
        yield f'faas_loop_up{{loop="{name}"}} {0 if problem else 1}'


def _replicas(routes: RoutingTable) -> Iterator[str]:
    yield "# HELP faas_function_replicas_ready Replicas that accept calls"
    yield "# TYPE faas_function_replicas_ready gauge"
    for route in sorted(routes.functions(), key=lambda route: route.key):
        yield f'faas_function_replicas_ready{{function_name="{route.key}"}} {len(route.endpoints)}'


def _queue(counts: Counts) -> Iterator[str]:
    yield "# HELP faas_queue_calls Asynchronous calls, by state"
    yield "# TYPE faas_queue_calls gauge"
    for key, found in sorted(counts.items()):
        for state, count in sorted(found.items()):
            yield f'faas_queue_calls{{function_name="{key}",state="{state}"}} {count}'


def _leader(is_leader: bool) -> Iterator[str]:
    yield "# HELP faas_gateway_leader Whether this gateway runs the scaler and the schedules; one of several does"
    yield "# TYPE faas_gateway_leader gauge"
    yield f"faas_gateway_leader {int(is_leader)}"


def _tasks() -> Iterator[str]:
    yield "# HELP faas_gateway_tasks Tasks of the gateway's event loop"
    yield "# TYPE faas_gateway_tasks gauge"
    yield f"faas_gateway_tasks {len(asyncio.all_tasks())}"
