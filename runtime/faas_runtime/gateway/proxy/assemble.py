"""The proxy as a gateway's settings want it."""

from __future__ import annotations

from faas_runtime import __version__
from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Certificate, Proxy, ProxySettings
from faas_runtime.gateway.proxy.readiness import Wake
from faas_runtime.gateway.proxy.settings import MAX_CONNECTIONS
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.settings import GatewaySettings
from faas_runtime.providers.base import Endpoint


def new_proxy(
    settings: GatewaySettings,
    control: str,
    routes: RoutingTable,
    metrics: InvocationMetrics,
    wake: Wake,
    guard: CallGuard,
) -> Proxy:
    """A proxy that has not been opened; `control` is the control API's socket."""
    proxy = ProxySettings(
        host="",
        read_timeout=settings.read_timeout,
        write_timeout=settings.write_timeout,
        upstream_timeout=settings.upstream_timeout,
        # Together, the workers' proxies accept what one would.
        max_connections=-(-MAX_CONNECTIONS // settings.workers),
        access_log=settings.access_log,
        served_by=f"faas/{__version__}",
    )
    return Proxy(routes, Endpoint("control", unix=control), proxy, metrics, wake, guard)


def certificate_of(settings: GatewaySettings) -> Certificate | None:
    """What the proxy encrypts with, if it does. Raises Invalid."""
    if settings.tls_cert is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key or settings.tls_cert)
