"""A standalone proxy with one upstream: `proxy_standalone.py PORT UPSTREAM_PORT`. Started by gateway.py and others."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, ProxySettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate


async def serve(port: int, upstream: int) -> None:
    routes = RoutingTable()
    replica = Endpoint("upstream", "127.0.0.1", upstream)
    routes.apply(RouteUpdate(FunctionKey("echo", "openfaas-fn"), (replica,), 1))
    proxy = Proxy(routes, replica, ProxySettings(port=port), InvocationMetrics())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await proxy.start()
    await stop.wait()
    await proxy.stop(1)


uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
