"""Only a front door, before one upstream: `door_alone.py PORT UPSTREAM_PORT`. Started by gateway.py."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from faas_runtime.gateway.door import DoorSettings, FrontDoor
from faas_runtime.gateway.metrics import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate


async def serve(port: int, upstream: int) -> None:
    routes = RoutingTable()
    replica = Endpoint("upstream", "127.0.0.1", upstream)
    routes.apply(RouteUpdate(FunctionKey("echo", "openfaas-fn"), (replica,), 1))
    door = FrontDoor(routes, replica, DoorSettings(port=port), InvocationMetrics())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await door.start()
    await stop.wait()
    await door.stop(1)


uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
