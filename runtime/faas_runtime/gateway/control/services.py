"""What the endpoints of the control room share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.control.function_store import FunctionStore
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.queue.service import QueueService
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.traffic.canaries import Canaries
from faas_runtime.gateway.traffic.versions import VersionBook
from faas_runtime.providers.base import Provider


async def _nobody() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ControlRoom:
    """One for each gateway.

    `loops` tells what is wrong with a background loop by name, nothing when all is well;
    `changed` tells the loops that functions have changed, before the caller hears of it.
    """

    provider: Provider
    routes: RoutingTable
    metrics: InvocationMetrics
    loops: Callable[[], dict[str, str]] = dict
    queue: QueueService | None = None
    versions: VersionBook | None = None
    canaries: Canaries | None = None
    guard: CallGuard | None = None
    store: FunctionStore | None = None
    changed: Callable[[], Awaitable[None]] = _nobody


def room_of(request: Request) -> ControlRoom:
    """The control room that a request has come to."""
    room: ControlRoom = request.app.state.room
    return room
