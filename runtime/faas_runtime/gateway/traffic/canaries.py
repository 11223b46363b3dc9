"""Starting, weighting, promoting and ending canaries.

Every other step can follow each step: a gateway that is killed in between finds at worst a canary that gets no
calls.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from faas_runtime.core.api import FunctionDeployment, FunctionStatus
from faas_runtime.core.errors import Invalid, NotFound
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.traffic.canary import MAX_NAME_LENGTH, CanaryStore, Traffic, canary_of
from faas_runtime.gateway.traffic.versions import VersionStore, current_of, find
from faas_runtime.providers.base import FunctionKey, Provider
from faas_runtime.providers.common.logs import now_rfc3339

# A canary with these annotations would be called by schedules, beside its function.
_OF_THE_FUNCTION = ("topic", "schedule")


class Canaries:
    """The canaries of one gateway. Changes are serialised: they are rare, and each has several steps."""

    def __init__(
        self,
        provider: Provider,
        routes: RoutingTable,
        metrics: InvocationMetrics,
        versions: VersionStore,
        store: CanaryStore,
    ) -> None:
        self._provider = provider
        self._routes = routes
        self._metrics = metrics
        self._versions = versions
        self._store = store
        self._changing = asyncio.Lock()

    def restore(self) -> None:
        """Route calls to the stored canaries again, after a start. Blocking."""
        for key, traffic in self._store.all().items():
            self._route(key, traffic)

    async def get(self, key: FunctionKey) -> Traffic | None:
        """The canary of a function, None when it has none."""
        return await asyncio.to_thread(self._store.read, key)

    async def deploy(self, deployment: FunctionDeployment, weight: int) -> None:
        """Start a deployment as the canary of an existing function. Raises what the provider raises."""
        key = FunctionKey(deployment.service, deployment.namespace)
        async with self._changing:
            number = await asyncio.to_thread(self._versions.next_number, key)
            await self._start(key, deployment, number)
            pinned = await self._provider.pinned_image(canary_of(key))
            await asyncio.to_thread(self._versions.add, deployment, pinned, now_rfc3339(), served=False)
            await self._set_weight(key, Traffic(version=number, weight=weight))

    async def choose(self, key: FunctionKey, number: int, weight: int) -> None:
        """Send this share of the calls to a stored version. Raises NotFound, Invalid, what the provider raises."""
        async with self._changing:
            known = await asyncio.to_thread(self._versions.read, key)
            current, traffic = current_of(known), self._store.read(key)
            if current is not None and number == current.number:
                raise Invalid(f"version {number} is the current one: name the other version and its share")
            if traffic is None or traffic.version != number:
                await self._start(key, find(known, key, number).pinned_deployment(), number)
            await self._set_weight(key, Traffic(version=number, weight=weight))

    async def promote(self, key: FunctionKey) -> int:
        """Make the canary's version the current one, without failing a call; returns its number."""
        async with self._changing:
            traffic = await self.get(key)
            if traffic is None:
                raise NotFound(f"function `{key.name}` has no canary")
            known = await asyncio.to_thread(self._versions.read, key)
            deployment = find(known, key, traffic.version).pinned_deployment()
            await self._provider.update(deployment)
            pinned = await self._provider.pinned_image(key)
            number = await asyncio.to_thread(self._versions.promote, traffic.version, deployment, pinned, now_rfc3339())
            await self._clear(key)
            return number

    async def end(self, key: FunctionKey) -> None:
        """Send all calls to the current version again. Raises NotFound when there is no canary."""
        async with self._changing:
            if await self.get(key) is None:
                raise NotFound(f"function `{key.name}` has no canary")
            await self._clear(key)

    async def clear(self, key: FunctionKey) -> None:
        """End the function's canary if it has one: the function is deleted, or replaced as a whole."""
        async with self._changing:
            if await self.get(key) is not None or self._routes.lookup(canary_of(key)) is not None:
                await self._clear(key)

    async def delete_namespace(self, namespace: str) -> None:
        """Delete the canaries of every function in a namespace."""
        async with self._changing:
            for key in await asyncio.to_thread(self._store.all):
                if key.namespace == namespace:
                    self._delete(key)

    async def _start(self, key: FunctionKey, deployment: FunctionDeployment, number: int) -> None:
        """Start the canary, or another version in its place; it gets no more calls than before."""
        status = await self._provider.get(key)
        before = self._store.read(key)
        # Stored first: whatever happens from here on, the canary that may exist is known.
        self._store.write(key, Traffic(version=number, weight=0))
        try:
            await self._deploy_or_update(_as_canary(deployment, status))
        except BaseException:
            if before is None:
                self._store.delete(key)
            else:
                self._store.write(key, before)
            raise

    async def _deploy_or_update(self, deployment: FunctionDeployment) -> None:
        try:
            await self._provider.update(deployment)
        except NotFound:
            await self._provider.deploy(deployment)

    async def _set_weight(self, key: FunctionKey, traffic: Traffic) -> None:
        await asyncio.to_thread(self._store.write, key, traffic)
        self._route(key, traffic)

    def _route(self, key: FunctionKey, traffic: Traffic) -> None:
        current = current_of(self._versions.read(key))
        numbers = (current.number if current is not None else 0, traffic.version)
        if tuple(share.version for share in self._metrics.shares(key)) != numbers:
            self._metrics.begin_canary(key, *numbers)
        self._routes.set_canary(key, traffic.weight / 100)

    async def _clear(self, key: FunctionKey) -> None:
        self._routes.set_canary(key, None)
        with contextlib.suppress(NotFound):
            await self._provider.delete(canary_of(key))
        self._delete(key)

    def _delete(self, key: FunctionKey) -> None:
        self._routes.set_canary(key, None)
        self._metrics.end_canary(key)
        self._store.delete(key)


def _as_canary(deployment: FunctionDeployment, beside: FunctionStatus) -> FunctionDeployment:
    key = canary_of(FunctionKey(beside.name, beside.namespace or deployment.namespace))
    if len(beside.name) > MAX_NAME_LENGTH:
        raise Invalid(f"`{beside.name}` is too long for a canary: the maximum is {MAX_NAME_LENGTH} characters")
    annotations = {name: text for name, text in (deployment.annotations or {}).items() if name not in _OF_THE_FUNCTION}
    return msgspec.structs.replace(deployment, service=key.name, annotations=annotations or None)
