"""Waiting until a function has a replica: one wake-up for any number of waiting calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.proxy.pool import Backend
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import FunctionKey

Wake = Callable[[FunctionKey], Awaitable[None]]
"""Asks for a first replica of a function scaled to zero; returns when that is accepted."""


class NotReady(Exception):
    """No replica came up; the text is for the caller."""


class Readiness:
    """Holds calls to functions without a replica, and has those that are scaled to zero woken."""

    def __init__(self, routes: RoutingTable, wake: Wake | None, limit: float) -> None:
        self._routes = routes
        self._wake = wake
        self._limit = limit
        self._waking: dict[FunctionKey, asyncio.Task[None]] = {}

    async def wait(self, backend: Backend) -> None:
        """Return once the backend has a replica. Raises NotReady.

        Cancelling it leaves the other waiting calls and the wake-up alone.
        """
        assert backend.key is not None
        try:
            async with asyncio.timeout(self._limit):
                await self._until_ready(backend, backend.key)
        except TimeoutError:
            raise NotReady(f"{backend.name} has no replica ready after {self._limit:g} s") from None

    async def _until_ready(self, backend: Backend, key: FunctionKey) -> None:
        while not backend.pools:
            if backend.removed:
                raise NotReady(f"{backend.name} was removed")
            if backend.desired > 0:
                await self._routes.changed(key)
                continue
            if self._wake is None:
                raise NotReady(f"{backend.name} is scaled to zero")
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
            raise NotReady(f"{backend.name} could not be woken: {error}")
        if error is not None:
            raise NotReady(f"{backend.name} could not be woken") from error

    def close(self) -> None:
        """Give up every wake-up that is under way."""
        for task in self._waking.values():
            task.cancel()


async def _call(wake: Wake, key: FunctionKey) -> None:
    await wake(key)
