"""The provider that runs functions as services of a Docker Swarm.

All there is to know lies in the Swarm: deployments in the labels of services, secrets as its secrets,
namespaces as its configs. Gateways hold nothing, so several of them agree by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from faas_runtime import __version__
from faas_runtime.core.api import (
    FunctionDeployment,
    FunctionStatus,
    LogMessage,
    ProviderInfo,
    Secret,
    VersionInfo,
)
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound, StartFailed, Unavailable
from faas_runtime.providers.base import FunctionKey, LogQuery, RoutingChange
from faas_runtime.providers.common.annotations import initial_replicas
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.status import status_of
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.swarm.books import SwarmBooks
from faas_runtime.providers.swarm.engine import OutOfDate, SwarmEngine
from faas_runtime.providers.swarm.logs import LogReader
from faas_runtime.providers.swarm.namespaces import SwarmNamespaces
from faas_runtime.providers.swarm.objects import Service, Task
from faas_runtime.providers.swarm.routes import is_inside
from faas_runtime.providers.swarm.secrets import SwarmSecrets
from faas_runtime.providers.swarm.spec import service_spec, version_of
from faas_runtime.providers.swarm.watcher import INTERVAL, Watcher

log = logging.getLogger("faas.swarm")

NETWORK = "faas-functions"
START_LIMIT = 60.0
"""Seconds after which a deployment that neither runs nor fails is left to the Swarm."""
UPDATE_LIMIT = 300.0
_FAILURES = 3
"""Attempts of the Swarm to start a task, all ended, after which a deployment has failed."""
_HEALTH_LIMIT = 2.0
_TRIES = 5
_GIVEN_UP = ("paused", "rollback_started", "rollback_completed", "rollback_paused")


class SwarmProvider(SwarmBooks):
    """Runs functions as services of the Swarm that this machine's engine manages."""

    def __init__(self, state_dir: Path, *, network: str = NETWORK) -> None:
        # Nothing is kept outside the Swarm; the folder is in the signature that every engine has.
        del state_dir
        self._engine = SwarmEngine(network)
        super().__init__(EngineThreads(), SwarmSecrets(self._engine), SwarmNamespaces(self._engine))
        self._feed = RoutingFeed()
        self._watcher = Watcher(self._engine, self._threads, self._feed)
        self._coming: set[FunctionKey] = set()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find the Swarm and its functions. Raises Unavailable."""
        await self._threads.call(self._engine.connect)
        self._watcher.inside = await self._threads.call(self._is_inside)
        how = "their own addresses" if self._watcher.inside else "the ports their nodes publish"
        log.info("functions run on %s; calls go to %s", self._engine.description, how)
        await self._watcher.look()
        self._watching = asyncio.create_task(self._watcher.run())

    async def close(self) -> None:
        """Stop watching; services go on."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.to_thread(self._engine.close)
        self._threads.close()

    async def info(self) -> ProviderInfo:
        """What `/system/info` says about this engine."""
        version = VersionInfo(release=__version__, sha="unknown")
        return ProviderInfo(provider="faas-swarm", version=version, orchestration=self._engine.description)

    async def health(self) -> dict[str, str]:
        """Whether the managers answer, and why functions have not all their replicas."""
        try:
            async with asyncio.timeout(_HEALTH_LIMIT):
                problem = await self._threads.call_long(self._engine.problem)
        except TimeoutError:
            problem = f"no answer within {_HEALTH_LIMIT:g} s"
        found = {"swarm": problem or self._watcher.trouble or "ok"}
        for key, service in self._watcher.snapshot.services.items():
            missing = service.replicas - self._watcher.available(service)
            waiting = [task for task in self._watcher.snapshot.tasks_of(service) if task.wanted and not task.running]
            if missing > 0 and waiting:
                found[f"function {key}"] = waiting[-1].message or "starting"
        return found

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""
        services = self._watcher.snapshot.services
        return [self._status(services[key]) for key in sorted(services) if key.namespace == namespace]

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function. Raises NotFound."""
        return self._status(self._service(key))

    async def pinned_image(self, key: FunctionKey) -> str:
        """The image as the service names it; by digest where the deployment did. Raises NotFound."""
        return self._service(key).deployment.image

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a service and wait for its first task, see the protocol."""
        key = FunctionKey(deployment.service, deployment.namespace)
        await self._watcher.look()
        if key in self._watcher.snapshot.services or key in self._coming:
            raise AlreadyExists(f"function `{key.name}` exists already in namespace `{key.namespace}`")
        self._coming.add(key)
        try:
            spec = await self._spec(deployment, initial_replicas(deployment))
            identifier = await self._threads.call(self._engine.create, spec)
            try:
                await self._until_started(key, identifier)
            except BaseException:
                with contextlib.suppress(Unavailable):
                    await asyncio.shield(self._take_back(identifier))
                raise
        finally:
            self._coming.discard(key)
        await self._feed.taken_over()
        log.info("deployed %s", key)

    async def update(self, deployment: FunctionDeployment) -> None:
        """Let the Swarm replace the tasks, new ones first; see the protocol."""
        key = FunctionKey(deployment.service, deployment.namespace)
        service = await self._fresh(key)
        replicas = max(initial_replicas(deployment), service.replicas)
        spec = await self._spec(deployment, replicas)
        await self._change(key, lambda present: self._engine.update(present, spec))
        await self._until_updated(key, version_of(spec))
        await self._feed.taken_over()
        log.info("updated %s", key)

    async def delete(self, key: FunctionKey) -> None:
        """Remove a service; its running calls may finish. Raises NotFound."""
        service = await self._fresh(key)
        self._watcher.leave_out(service)
        await self._feed.taken_over()
        await self._threads.call(self._engine.remove, service)
        await self._watcher.look()
        log.info("deleted %s", key)

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Ask the Swarm for a number of tasks. Raises NotFound."""
        await self._change(key, lambda service: self._engine.scale(service, replicas))
        await self._watcher.look()

    async def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines of every task by time, then (`follow`) as they come. Raises NotFound."""
        reader = LogReader(self._engine, self._service(query.key), query)
        try:
            async for message in reader.read(self._threads):
                yield message
        finally:
            reader.close()

    async def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield the routing of every function, then every change."""
        async for change in self._feed.read(self._watcher.routes()):
            yield change

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value; the functions that use it are updated, as a Swarm's secrets cannot change.

        Raises NotFound.
        """
        old = await self._threads.call(self._secrets.replace, secret)
        for key, service in list(self._watcher.snapshot.services.items()):
            if key.namespace == secret.namespace and secret.name in service.deployment.secrets:
                await self.update(service.deployment)
        await self._threads.call(self._secrets.forget, old)

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace and its functions. Raises NotFound, Invalid."""
        await self._threads.call(self._namespaces.check_removable, name)
        for key in [key for key in self._watcher.snapshot.services if key.namespace == name]:
            await self.delete(key)
        await self._threads.call(self._namespaces.remove, name)

    async def _spec(self, deployment: FunctionDeployment, replicas: int) -> dict[str, Any]:
        await self._threads.call(self._namespaces.check, deployment.namespace)
        references = await self._threads.call(self._secrets.references, deployment)
        return service_spec(deployment, references, self._engine.network, replicas, published=not self._watcher.inside)

    async def _change(self, key: FunctionKey, change: Callable[[Service], None]) -> None:
        """Change a service although others change it, too. Raises NotFound, Unavailable."""
        for _ in range(_TRIES):
            try:
                await self._threads.call(change, await self._fresh(key))
            except OutOfDate:
                continue
            return
        raise Unavailable(f"function `{key.name}` is being changed by somebody else all the time")

    async def _until_started(self, key: FunctionKey, identifier: str) -> None:
        """Return when a task takes calls, or takes long. Raises StartFailed when they only fail."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_LIMIT):
                while True:
                    await self._watcher.look()
                    service = self._watcher.snapshot.services.get(key)
                    if service is not None and (self._watcher.available(service) or not service.replicas):
                        return
                    tasks = await self._threads.call(self._engine.tasks, identifier)
                    await self._refuse_failing(key, tasks)
                    await asyncio.sleep(INTERVAL / 2)

    async def _until_updated(self, key: FunctionKey, version: str) -> None:
        """Return when the new version has the calls. Raises StartFailed once the Swarm is back at the old one."""
        failure = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UPDATE_LIMIT):
                while not failure:
                    service = await self._fresh(key)
                    wanted = [task for task in self._watcher.snapshot.tasks_of(service) if task.wanted]
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
            async with asyncio.timeout(START_LIMIT):
                while True:
                    service = await self._fresh(key)
                    if self._watcher.available(service) >= service.replicas:
                        break
                    await asyncio.sleep(INTERVAL / 2)
        await self._feed.taken_over()

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

    async def _take_back(self, identifier: str) -> None:
        service = await self._threads.call(self._engine.service, identifier)
        if service is not None:
            await self._threads.call(self._engine.remove, service)
            await self._watcher.look()

    async def _fresh(self, key: FunctionKey) -> Service:
        await self._watcher.look()
        return self._service(key)

    def _service(self, key: FunctionKey) -> Service:
        service = self._watcher.snapshot.services.get(key)
        if service is None:
            raise NotFound(f"there is no function `{key.name}` in namespace `{key.namespace}`")
        return service

    def _status(self, service: Service) -> FunctionStatus:
        return status_of(
            service.deployment,
            replicas=service.replicas,
            available=self._watcher.available(service),
            created_at=service.created_at,
        )

    def _is_inside(self) -> bool:
        wanted = os.environ.get("FAAS_SWARM_REACH", "")
        return is_inside(self._engine.subnets()) if wanted not in ("network", "host") else wanted == "network"
