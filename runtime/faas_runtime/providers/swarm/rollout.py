"""Waiting until a Swarm has brought up the tasks of a new service, or of its next version."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from faas_runtime.core.errors import Invalid, StartFailed
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.swarm.engine import SwarmEngine
from faas_runtime.providers.swarm.objects import Service, Task
from faas_runtime.providers.swarm.watcher import INTERVAL, Watcher

START_TIMEOUT = 60.0
"""Seconds after which a deployment that neither runs nor fails is left to the Swarm."""
UPDATE_TIMEOUT = 300.0
_FAILURES = 3
"""Attempts of the Swarm to start a task, all ended, after which a deployment has failed."""
_GIVEN_UP = ("paused", "rollback_started", "rollback_completed", "rollback_paused")


class Rollout:
    """Follows one service at a time until it is up, has failed, or takes long."""

    def __init__(self, engine: SwarmEngine, threads: EngineThreads, watcher: Watcher) -> None:
        self._engine, self._threads, self._watcher = engine, threads, watcher

    async def until_started(self, key: FunctionKey, identifier: str) -> None:
        """Return when a task takes calls, or takes long. Raises StartFailed when they only fail."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                while True:
                    await self._watcher.refresh()
                    service = self._watcher.snapshot.services.get(key)
                    if service is not None and (self._watcher.available(service) or not service.replicas):
                        return
                    tasks = await self._threads.call(self._engine.tasks, identifier)
                    await self._refuse_failing(key, tasks)
                    await asyncio.sleep(INTERVAL / 2)

    async def until_updated(self, key: FunctionKey, version: str) -> None:
        """Return when the new version has the calls. Raises StartFailed once the Swarm is back at the old one."""
        failure = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UPDATE_TIMEOUT):
                while not failure:
                    service = await self._watcher.fresh(key)
                    wanted = [task for task in self._watcher.snapshot.tasks_of(service) if task.desired]
                    replaced = all(task.version == version for task in wanted)
                    if service.version != version or service.update_state in _GIVEN_UP:
                        failure = f"the new version of `{key.name}` does not come up: {self._why(service)}"
                    elif replaced and self._watcher.available(service) >= service.replicas:
                        return
                    else:
                        await asyncio.sleep(INTERVAL / 2)
        if failure:
            await self._until_back(key)
            raise StartFailed(failure)

    async def _until_back(self, key: FunctionKey) -> None:
        """Return when the old version has its replicas again, or takes long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                while True:
                    service = await self._watcher.fresh(key)
                    if self._watcher.available(service) >= service.replicas:
                        break
                    await asyncio.sleep(INTERVAL / 2)

    def _why(self, service: Service) -> str:
        failed = [task.message for task in self._watcher.snapshot.tasks_of(service) if task.failed]
        return failed[0] if failed else service.update_message

    async def _refuse_failing(self, key: FunctionKey, tasks: Sequence[Task]) -> None:
        failed = [task for task in tasks if task.failed]
        if len(failed) < _FAILURES and not any("No such image" in task.message for task in failed):
            return
        message = failed[0].message
        if "No such image" in message:
            raise Invalid(f"{message.lower()}: neither the nodes nor a registry have it")
        raise StartFailed(f"`{key.name}` does not come up: {message}")
