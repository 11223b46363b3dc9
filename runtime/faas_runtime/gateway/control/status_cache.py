"""What is deployed, as the gateway's own loops need it, without asking the provider each time."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from faas_runtime.core.api import ZERO_TIME, FunctionStatus
from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey, Provider, RoutingChange

log = logging.getLogger("faas.gateway")

REFRESH = 5.0
"""Seconds between two looks at the provider when no route has changed."""
_SETTLE = 0.05


class Catalogue:
    """The last known status of every function; a change of routing brings it up to date at once."""

    def __init__(self, provider: Provider, routes: RoutingTable) -> None:
        self._provider = provider
        self._routes = routes
        self._functions: dict[FunctionKey, FunctionStatus] = {}
        self._changed = asyncio.Event()
        self.problem = ""
        routes.subscribe(self._route_changed)

    def get(self, key: FunctionKey) -> FunctionStatus | None:
        """One function, None when there is none of that name. The routes know first what comes and goes."""
        if self._routes.lookup(key) is None:
            return None
        unseen = FunctionStatus(name=key.name, namespace=key.namespace, image="", created_at=ZERO_TIME)
        return self._functions.get(key, unseen)

    def all(self) -> dict[FunctionKey, FunctionStatus]:
        """Every function."""
        return self._functions

    async def refresh(self) -> None:
        """Ask the provider for everything. Raises RuntimeFault."""
        found: dict[FunctionKey, FunctionStatus] = {}
        for namespace in await self._provider.list_namespaces():
            for status in await self._provider.list(namespace):
                found[FunctionKey(status.name, status.namespace)] = status
        self._functions = found

    async def update(self) -> None:
        """Ask the provider; when it does not answer, say so in `problem` and keep what was known."""
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
        """Return once every function that is to have replicas has one, or after `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for key in self._functions:
                    while (route := self._routes.lookup(key)) and route.replicas and not route.endpoints:
                        await self._routes.changed(key)

    async def run(self) -> None:
        """Stay up to date until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH):
                    await self._changed.wait()
            await asyncio.sleep(_SETTLE)  # several changes come together
            self._changed.clear()
            await self.update()

    def _route_changed(self, _: RoutingChange) -> None:
        self._changed.set()
