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
"""Seconds after which a deployment that neither runs nor fails is accepted."""
UPDATE_TIMEOUT = 300.0
_FAILURES = 3
"""Attempts of the Swarm to start a task, all ended, after which a deployment has failed."""
_ROLLED_BACK = ("paused", "rollback_started", "rollback_completed", "rollback_paused")


class Rollout:
    """Waits for services: until they are up, have failed, or a timeout ends."""

    def __init__(self, engine: SwarmEngine, threads: EngineThreads, watcher: Watcher) -> None:
        self._engine, self._threads, self._watcher = engine, threads, watcher

    async def until_started(self, key: FunctionKey, identifier: str) -> None:
        """Return when a task is ready, or after `START_TIMEOUT`. Raises StartFailed when tasks only fail."""
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
        """Return when the new version gets the calls. Raises StartFailed once the Swarm has rolled back."""
        failure = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UPDATE_TIMEOUT):
                while not failure:
                    service = await self._watcher.fresh(key)
                    desired = [task for task in self._watcher.snapshot.tasks_of(service) if task.desired]
                    replaced = all(task.version == version for task in desired)
                    if service.version != version or service.update_state in _ROLLED_BACK:
                        failure = f"the new version of `{key.name}` does not start: {self._reason(service)}"
                    elif replaced and self._watcher.available(service) >= service.replicas:
                        return
                    else:
                        await asyncio.sleep(INTERVAL / 2)
        if failure:
            await self._until_back(key)
            raise StartFailed(failure)

    async def _until_back(self, key: FunctionKey) -> None:
        """Return when the old version has its replicas again, or after `START_TIMEOUT`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_TIMEOUT):
                while True:
                    service = await self._watcher.fresh(key)
                    if self._watcher.available(service) >= service.replicas:
                        break
                    await asyncio.sleep(INTERVAL / 2)

    def _reason(self, service: Service) -> str:
        failed = [task.message for task in self._watcher.snapshot.tasks_of(service) if task.failed]
        return failed[0] if failed else service.update_message

    async def _refuse_failing(self, key: FunctionKey, tasks: Sequence[Task]) -> None:
        failed = [task for task in tasks if task.failed]
        if len(failed) < _FAILURES and not any("No such image" in task.message for task in failed):
            return
        message = failed[0].message
        if "No such image" in message:
            raise Invalid(f"{message.lower()}: neither the nodes nor a registry have it")
        raise StartFailed(f"`{key.name}` does not start: {message}")
