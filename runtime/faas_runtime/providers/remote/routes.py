"""Routes of a remote provider's functions: each has one endpoint, the provider itself."""

from __future__ import annotations

from urllib.parse import quote

from faas_runtime.core.durations import duration_or_none
from faas_runtime.core.http import Address
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteRemoved, RouteUpdate, RoutingChange
from faas_runtime.providers.common.annotations import AUTH_ANNOTATION, EXPOSE_ANNOTATION, TIMEOUT_ANNOTATION
from faas_runtime.providers.remote.wire import RouteStatus


def route_of(status: RouteStatus, namespace: str, provider: Address) -> RouteUpdate:
    """The routing of a function as the provider describes it in the list of a namespace.

    The provider spreads calls over replicas, so it is the only endpoint, and there is none
    while no replica is available: then the proxy waits, or wakes the function.
    """
    key = FunctionKey(status.name, status.namespace or namespace)
    replicas, available = status.replicas or 0, status.available_replicas or 0
    annotations = status.annotations or {}
    endpoint = Endpoint(
        instance=f"{key}@{provider.authority}",
        host=provider.host,
        port=provider.port,
        prefix=f"{provider.path}/function/{quote(str(key))}",
    )
    seconds = duration_or_none(annotations.get(TIMEOUT_ANNOTATION, ""))
    return RouteUpdate(
        key=key,
        endpoints=(endpoint,) if available else (),
        replicas=max(replicas, available),
        timeout=seconds or None,
        internal=annotations.get(EXPOSE_ANNOTATION) == "internal",
        auth=annotations.get(AUTH_ANNOTATION, ""),
    )


def changes(old: dict[FunctionKey, RouteUpdate], new: dict[FunctionKey, RouteUpdate]) -> list[RoutingChange]:
    """The changes that turn the routes `old` into `new`."""
    gone: list[RoutingChange] = [RouteRemoved(key) for key in old if key not in new]
    return gone + [route for key, route in new.items() if old.get(key) != route]
