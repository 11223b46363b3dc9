"""Only a proxy, before one upstream: `proxy_alone.py PORT UPSTREAM_PORT [--without-tracing]`.

Started by gateway.py and tracing_cost.py.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import inspect
import signal
import sys
import textwrap
from types import FunctionType

import uvloop

from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, ProxySettings
from faas_runtime.gateway.proxy.cycle import RequestCycle
from faas_runtime.gateway.proxy.forwarding import request_head
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate


class WithoutSpans(ast.NodeTransformer):
    """Takes out of a function what it does for spans: the question whether there are any, and the answer."""

    def __init__(self) -> None:
        self.taken = 0

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if "spans is not None" not in ast.unparse(node.test):
            return node
        self.taken += 1
        return node.orelse

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if ast.unparse(node).startswith("spans = ") else node


def without_spans(function: FunctionType) -> None:
    """Let a function of the proxy be as if there was no tracing."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    transformer = WithoutSpans()
    found = ast.fix_missing_locations(transformer.visit(tree))
    if transformer.taken != 1 or "spans" in ast.unparse(found):
        sys.exit(f"`{function.__qualname__}` does not ask for spans as this benchmark expects it")
    made: dict[str, FunctionType] = {}
    flags = __future__.annotations.compiler_flag
    exec(compile(found, inspect.getfile(function), "exec", flags), function.__globals__, made)
    function.__code__ = made[function.__name__].__code__


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


if "--without-tracing" in sys.argv:
    without_spans(request_head)
    without_spans(RequestCycle._over)
uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
