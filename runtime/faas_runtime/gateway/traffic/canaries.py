"""Starting, weighing, promoting and ending canaries.

Each step leaves a state from which every other step can be taken: a gateway that is killed in the
middle finds at worst a canary that gets no calls.
"""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from faas_runtime.core.api import FunctionDeployment, FunctionStatus
from faas_runtime.core.errors import Invalid, NotFound
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.traffic.canary import LONGEST_NAME, Traffic, TrafficBook, canary_of
from faas_runtime.gateway.traffic.versions import VersionBook, find, present_of
from faas_runtime.providers.base import FunctionKey, Provider
from faas_runtime.providers.common.logs import now_rfc3339

# What would make somebody call the canary beside its function.
_OF_THE_FUNCTION = ("topic", "schedule")


class Canaries:
    """The canaries of one gateway. One change at a time: they are rare, and each is several steps."""

    def __init__(
        self,
        provider: Provider,
        routes: RoutingTable,
        metrics: InvocationMetrics,
        versions: VersionBook,
        book: TrafficBook,
    ) -> None:
        self._provider = provider
        self._routes = routes
        self._metrics = metrics
        self._versions = versions
        self._book = book
        self._one_at_a_time = asyncio.Lock()

    def restore(self) -> None:
        """Give the canaries of an earlier gateway their shares again. Blocking."""
        for key, traffic in self._book.all().items():
            self._share(key, traffic)

    async def get(self, key: FunctionKey) -> Traffic | None:
        """The canary of a function, None when it has none."""
        return await asyncio.to_thread(self._book.read, key)

    async def deploy(self, deployment: FunctionDeployment, weight: int) -> None:
        """Start a deployment as the canary of the function that is there. Raises what the provider does."""
        key = FunctionKey(deployment.service, deployment.namespace)
        async with self._one_at_a_time:
            number = await asyncio.to_thread(self._versions.next_number, key)
            await self._start(key, deployment, number)
            pinned = await self._provider.pinned_image(canary_of(key))
            await asyncio.to_thread(self._versions.add, deployment, pinned, now_rfc3339(), served=False)
            await self._weigh(key, Traffic(version=number, weight=weight))

    async def choose(self, key: FunctionKey, number: int, weight: int) -> None:
        """Give a version that was kept this share of the calls. Raises NotFound, Invalid, what the provider does."""
        async with self._one_at_a_time:
            known = await asyncio.to_thread(self._versions.read, key)
            present, traffic = present_of(known), self._book.read(key)
            if present is not None and number == present.number:
                raise Invalid(f"version {number} is the present one: name the other and its share")
            if traffic is None or traffic.version != number:
                await self._start(key, find(known, key, number).with_its_image(), number)
            await self._weigh(key, Traffic(version=number, weight=weight))

    async def promote(self, key: FunctionKey) -> int:
        """Let the canary's version be the present one, without failing a call; returns its number."""
        async with self._one_at_a_time:
            traffic = await self.get(key)
            if traffic is None:
                raise NotFound(f"function `{key.name}` has no canary")
            known = await asyncio.to_thread(self._versions.read, key)
            deployment = find(known, key, traffic.version).with_its_image()
            await self._provider.update(deployment)
            pinned = await self._provider.pinned_image(key)
            number = await asyncio.to_thread(self._versions.promote, traffic.version, deployment, pinned, now_rfc3339())
            await self._clear(key)
            return number

    async def end(self, key: FunctionKey) -> None:
        """Let the present version have all calls again. Raises NotFound when it has them."""
        async with self._one_at_a_time:
            if await self.get(key) is None:
                raise NotFound(f"function `{key.name}` has no canary")
            await self._clear(key)

    async def clear(self, key: FunctionKey) -> None:
        """End the function's canary if it has one: the function goes, or all of it is replaced."""
        async with self._one_at_a_time:
            if await self.get(key) is not None or self._routes.lookup(canary_of(key)) is not None:
                await self._clear(key)

    async def forget_namespace(self, namespace: str) -> None:
        """A namespace is gone, and every function in it."""
        async with self._one_at_a_time:
            for key in await asyncio.to_thread(self._book.all):
                if key.namespace == namespace:
                    self._forget(key)

    async def _start(self, key: FunctionKey, deployment: FunctionDeployment, number: int) -> None:
        """Bring the canary up, or another version in its place; it gets no more calls than before."""
        status = await self._provider.get(key)
        before = self._book.read(key)
        # Whatever happens from here on, it is known that there may be a canary.
        self._book.write(key, Traffic(version=number, weight=0))
        try:
            await self._put(_as_canary(deployment, status))
        except BaseException:
            if before is None:
                self._book.forget(key)
            else:
                self._book.write(key, before)
            raise

    async def _put(self, deployment: FunctionDeployment) -> None:
        try:
            await self._provider.update(deployment)
        except NotFound:
            await self._provider.deploy(deployment)

    async def _weigh(self, key: FunctionKey, traffic: Traffic) -> None:
        await asyncio.to_thread(self._book.write, key, traffic)
        self._share(key, traffic)

    def _share(self, key: FunctionKey, traffic: Traffic) -> None:
        present = present_of(self._versions.read(key))
        numbers = (present.number if present is not None else 0, traffic.version)
        if tuple(share.version for share in self._metrics.shares(key)) != numbers:
            self._metrics.begin_canary(key, *numbers)
        self._routes.set_canary(key, traffic.weight / 100)

    async def _clear(self, key: FunctionKey) -> None:
        self._routes.set_canary(key, None)
        with contextlib.suppress(NotFound):
            await self._provider.delete(canary_of(key))
        self._forget(key)

    def _forget(self, key: FunctionKey) -> None:
        self._routes.set_canary(key, None)
        self._metrics.end_canary(key)
        self._book.forget(key)


def _as_canary(deployment: FunctionDeployment, beside: FunctionStatus) -> FunctionDeployment:
    key = canary_of(FunctionKey(beside.name, beside.namespace or deployment.namespace))
    if len(beside.name) > LONGEST_NAME:
        raise Invalid(f"`{beside.name}` is too long for a canary beside it: at most {LONGEST_NAME} characters")
    annotations = {name: text for name, text in (deployment.annotations or {}).items() if name not in _OF_THE_FUNCTION}
    return msgspec.structs.replace(deployment, service=key.name, annotations=annotations or None)
