"""The status of every function, cached for the gateway's own loops."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from faas_runtime.core.api import ZERO_TIME, FunctionStatus
from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey, Provider, RoutingChange

log = logging.getLogger("faas.gateway")

REFRESH_INTERVAL = 5.0
"""Seconds between two requests to the provider when no route has changed."""
_BATCH_INTERVAL = 0.05


class StatusCache:
    """The last known status of every function; a routing change refreshes it at once."""

    def __init__(self, provider: Provider, routes: RoutingTable) -> None:
        self._provider = provider
        self._routes = routes
        self._functions: dict[FunctionKey, FunctionStatus] = {}
        self._changed = asyncio.Event()
        self.problem = ""
        routes.subscribe(self._route_changed)

    def get(self, key: FunctionKey) -> FunctionStatus | None:
        """One function, None when there is none of that name. The routing table, which is newer, decides."""
        if self._routes.lookup(key) is None:
            return None
        unseen = FunctionStatus(name=key.name, namespace=key.namespace, image="", created_at=ZERO_TIME)
        return self._functions.get(key, unseen)

    def all(self) -> dict[FunctionKey, FunctionStatus]:
        """Every function."""
        return self._functions

    async def refresh(self) -> None:
        """Read every status from the provider. Raises RuntimeFault."""
        found: dict[FunctionKey, FunctionStatus] = {}
        for namespace in await self._provider.list_namespaces():
            for status in await self._provider.list(namespace):
                found[FunctionKey(status.name, status.namespace)] = status
        self._functions = found

    async def update(self) -> None:
        """Refresh; when the provider does not answer, keep the old statuses and set `problem`."""
        try:
            await self.refresh()
            self.problem = ""
        except RuntimeFault as fault:
            if not self.problem:
                log.warning("the list of functions is out of date: %s", fault)
            self.problem = str(fault)

    async def until_routed(self, limit: float = 5.0) -> None:
        """Return once every known function is in the routing table, or after `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for key in self._functions:
                    while self._routes.lookup(key) is None:
                        await self._routes.changed(key)

    async def until_ready(self, limit: float) -> None:
        """Return once every function with desired replicas has a ready one, or after `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for key in self._functions:
                    while (route := self._routes.lookup(key)) and route.replicas and not route.endpoints:
                        await self._routes.changed(key)

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_INTERVAL):
                    await self._changed.wait()
            await asyncio.sleep(_BATCH_INTERVAL)  # changes come in batches
            self._changed.clear()
            await self.update()

    def _route_changed(self, _: RoutingChange) -> None:
        self._changed.set()
