"""Finds a replica for a call: connects to one, or waits until there is one, and has a sleeping function woken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.proxy.call import Call
from faas_runtime.gateway.proxy.pool import Backend, EndpointPool
from faas_runtime.gateway.proxy.settings import ProxySettings
from faas_runtime.gateway.proxy.upstream import UpstreamConnection
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey

Wake = Callable[[FunctionKey], Awaitable[None]]
"""Requests a first replica of a function scaled to zero; returns when that is accepted."""


class NoReplica(Exception):
    """No replica can be used; the status and the text are for the caller."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ReplicaFinder:
    """Connects calls to replicas. One wake-up serves any number of calls that wait for the same function."""

    def __init__(self, routes: RoutingTable, wake: Wake | None, settings: ProxySettings) -> None:
        self._routes = routes
        self._wake = wake
        self._settings = settings
        self._waking: dict[FunctionKey, asyncio.Task[None]] = {}

    async def connect(self, call: Call, pool: EndpointPool | None) -> UpstreamConnection:
        """Connect to the replica chosen, wait for one if there is none, try another if it refuses. Raises NoReplica.

        Cancelling it affects neither other waiting calls nor the wake-up.
        """
        tried: list[EndpointPool] = []
        while True:
            if pool is None and tried:
                await self._wait_for_others(call)
                tried.clear()
            elif pool is None:
                await self._wait(call.backend)
                # The wait is not part of the call's duration.
                call.began = time.monotonic()
            else:
                try:
                    return pool.take() or await pool.connect()
                except (OSError, TimeoutError):
                    pool.eject()
                    tried.append(pool)
            pool = call.backend.choose(tried)

    async def _wait_for_others(self, call: Call) -> None:
        """Every replica has refused: wait for the provider to report others. Raises NoReplica."""
        key = call.backend.key
        if key is not None and call.retries < self._settings.max_retries:
            call.retries += 1
            try:
                async with asyncio.timeout(self._settings.connect_timeout):
                    await self._routes.changed(key)
                return
            except TimeoutError:
                pass
        raise NoReplica(502, f"no replica of {call.backend.name} accepts connections")

    async def _wait(self, backend: Backend) -> None:
        """Return once the backend has a replica. Raises NoReplica."""
        assert backend.key is not None
        limit = self._settings.ready_timeout
        try:
            async with asyncio.timeout(limit):
                await self._until_ready(backend, backend.key)
        except TimeoutError:
            raise NoReplica(503, f"{backend.name} has no replica ready after {limit:g} s") from None

    async def _until_ready(self, backend: Backend, key: FunctionKey) -> None:
        while not backend.pools:
            if backend.removed:
                raise NoReplica(503, f"{backend.name} was removed")
            if backend.desired > 0:
                await self._routes.changed(key)
                continue
            if self._wake is None:
                raise NoReplica(503, f"{backend.name} is scaled to zero")
            changed = asyncio.ensure_future(self._routes.changed(key))
            waking = self._woken(key, self._wake)
            try:
                await asyncio.wait((changed, waking), return_when=asyncio.FIRST_COMPLETED)
                if waking.done():
                    self._check(backend, waking)
                    await changed
            finally:
                changed.cancel()

    def _woken(self, key: FunctionKey, wake: Wake) -> asyncio.Task[None]:
        task = self._waking.get(key)
        if task is None:
            task = asyncio.ensure_future(_call(wake, key))
            self._waking[key] = task
            task.add_done_callback(lambda _: self._waking.pop(key, None))
        return task

    def _check(self, backend: Backend, waking: asyncio.Task[None]) -> None:
        error = None if waking.cancelled() else waking.exception()
        if isinstance(error, RuntimeFault):
            raise NoReplica(503, f"{backend.name} could not be woken: {error}")
        if error is not None:
            raise NoReplica(503, f"{backend.name} could not be woken") from error

    def close(self) -> None:
        """Cancel every wake-up that is under way."""
        for task in self._waking.values():
            task.cancel()


async def _call(wake: Wake, key: FunctionKey) -> None:
    await wake(key)
