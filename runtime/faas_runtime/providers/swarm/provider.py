"""The provider that runs functions as services of a Docker Swarm.

All state is in the Swarm: deployments in the labels of services, secrets as its secrets, namespaces as its
configs. Gateways keep none, so several of them agree without talking to each other.
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
    FunctionNamespace,
    FunctionStatus,
    LogMessage,
    ProviderInfo,
    Secret,
    VersionInfo,
)
from faas_runtime.core.enforcement import SWARM
from faas_runtime.core.errors import AlreadyExists, Unavailable
from faas_runtime.providers.base import FunctionKey, LogQuery, RoutingChange
from faas_runtime.providers.common.annotations import initial_replicas
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.status import key_of, status_of
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.swarm.engine import OutOfDate, SwarmEngine
from faas_runtime.providers.swarm.logs import ServiceLogReader
from faas_runtime.providers.swarm.namespaces import SwarmNamespaces
from faas_runtime.providers.swarm.objects import Service
from faas_runtime.providers.swarm.rollout import Rollout
from faas_runtime.providers.swarm.routes import is_inside
from faas_runtime.providers.swarm.secrets import SwarmSecrets
from faas_runtime.providers.swarm.spec import service_spec, version_of
from faas_runtime.providers.swarm.watcher import Watcher

log = logging.getLogger("faas.swarm")

NETWORK = "faas-functions"
_HEALTH_TIMEOUT = 2.0
_TRIES = 5


class SwarmProvider:
    """Runs functions as services of the Swarm that this machine's engine manages."""

    def __init__(self, state_dir: Path, *, network: str = NETWORK) -> None:
        # All state is in the Swarm; every engine has this signature.
        del state_dir
        self._engine = SwarmEngine(network)
        self._threads = EngineThreads()
        self._secrets = SwarmSecrets(self._engine)
        self._namespaces = SwarmNamespaces(self._engine)
        self._feed = RoutingFeed()
        self._watcher = Watcher(self._engine, self._threads, self._feed)
        self._rollout = Rollout(self._engine, self._threads, self._watcher)
        self._creating: set[FunctionKey] = set()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find the Swarm and its functions. Raises Unavailable."""
        await self._threads.call(self._engine.connect)
        self._watcher.inside = await self._threads.call(self._is_inside)
        how = "their own addresses" if self._watcher.inside else "the ports their nodes publish"
        log.info("functions run on %s; calls go to %s", self._engine.description, how)
        await self._watcher.refresh()
        self._watching = asyncio.create_task(self._watcher.run())

    async def close(self) -> None:
        """Stop watching; services keep running."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._watcher.close()
        await asyncio.to_thread(self._engine.close)
        self._threads.close()

    async def info(self) -> ProviderInfo:
        """This engine, for `/system/info`."""
        version = VersionInfo(release=__version__, sha="unknown")
        return ProviderInfo(provider=SWARM, version=version, orchestration=self._engine.description)

    async def health(self) -> dict[str, str]:
        """Whether the managers answer, and why functions have not all their replicas."""
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT):
                problem = await self._threads.call_long(self._engine.problem)
        except TimeoutError:
            problem = f"no answer within {_HEALTH_TIMEOUT:g} s"
        found = {"swarm": problem or self._watcher.problem or "ok"}
        for key, service in self._watcher.snapshot.services.items():
            missing = service.replicas - self._watcher.available(service)
            waiting = [task for task in self._watcher.snapshot.tasks_of(service) if task.desired and not task.running]
            if missing > 0 and waiting:
                found[f"function {key}"] = waiting[-1].message or "starting"
        return found

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""
        services = self._watcher.snapshot.services
        return [self._status(services[key]) for key in sorted(services) if key.namespace == namespace]

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function. Raises NotFound."""
        return self._status(self._watcher.service(key))

    async def pinned_image(self, key: FunctionKey) -> str:
        """The image as the service names it; by digest where the deployment did. Raises NotFound."""
        return self._watcher.service(key).deployment.image

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a service and wait for its first task, see the protocol."""
        key = key_of(deployment)
        await self._watcher.refresh()
        if key in self._watcher.snapshot.services or key in self._creating:
            raise AlreadyExists(f"function `{key.name}` exists already in namespace `{key.namespace}`")
        self._creating.add(key)
        try:
            spec = await self._spec(deployment, initial_replicas(deployment))
            identifier = await self._threads.call(self._engine.create, spec)
            try:
                await self._rollout.until_started(key, identifier)
            except BaseException:
                with contextlib.suppress(Unavailable):
                    await asyncio.shield(self._undo_create(identifier))
                raise
        finally:
            self._creating.discard(key)
        await self._feed.acknowledged()
        log.info("deployed %s", key)

    async def update(self, deployment: FunctionDeployment) -> None:
        """Let the Swarm replace the tasks, new ones first; see the protocol."""
        key = key_of(deployment)
        service = await self._watcher.fresh(key)
        replicas = max(initial_replicas(deployment), service.replicas)
        spec = await self._spec(deployment, replicas)
        await self._change(key, lambda present: self._engine.update(present, spec))
        try:
            await self._rollout.until_updated(key, version_of(spec))
        finally:
            await self._feed.acknowledged()
        log.info("updated %s", key)

    async def delete(self, key: FunctionKey) -> None:
        """Remove a service; its running calls may finish. Raises NotFound."""
        service = await self._watcher.fresh(key)
        self._watcher.withdraw(service)
        await self._feed.acknowledged()
        await self._threads.call(self._engine.remove, service)
        await self._watcher.refresh()
        log.info("deleted %s", key)

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Set the desired number of tasks. Raises NotFound."""
        await self._change(key, lambda service: self._engine.scale(service, replicas))
        await self._watcher.refresh()

    async def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines of every task by time, then (`follow`) new ones. Raises NotFound."""
        reader = ServiceLogReader(self._engine, self._watcher.service(query.key), query)
        try:
            async for message in reader.read(self._threads):
                yield message
        finally:
            reader.close()

    async def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield the routing of every function, then every change."""
        async for change in self._feed.read(self._watcher.routes()):
            yield change

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace."""
        names = await self._threads.call(self._secrets.names, namespace)
        return [Secret(name=name, namespace=namespace) for name in names]

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists."""
        await self._threads.call(self._namespaces.check, secret.namespace)
        await self._threads.call(self._secrets.create, secret)

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Delete a secret. Raises NotFound, Invalid while a function uses it."""
        await self._threads.call(self._secrets.delete, name, namespace)

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces."""
        return await self._threads.call(self._namespaces.names)

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace. Raises NotFound."""
        return await self._threads.call(self._namespaces.get, name)

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        await self._threads.call(self._namespaces.add, namespace)

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        await self._threads.call(self._namespaces.replace, namespace)

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value; the functions that use it are updated, as a Swarm's secrets cannot change.

        Raises NotFound.
        """
        old = await self._threads.call(self._secrets.replace, secret)
        for key, service in list(self._watcher.snapshot.services.items()):
            if key.namespace == secret.namespace and secret.name in service.deployment.secrets:
                await self.update(service.deployment)
        await self._threads.call(self._secrets.remove, old)

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace and its functions. Raises NotFound, Invalid."""
        await self._threads.call(self._namespaces.check_removable, name)
        for key in [key for key in self._watcher.snapshot.services if key.namespace == name]:
            await self.delete(key)
        await self._threads.call(self._namespaces.remove, name)

    async def _spec(self, deployment: FunctionDeployment, replicas: int) -> dict[str, Any]:
        await self._threads.call(self._namespaces.check, deployment.namespace)
        references = await self._threads.call(self._secrets.references, deployment)
        labels = await self._threads.call(self._engine.image_labels, deployment.image)
        return service_spec(
            deployment, references, self._engine.network, replicas, published=not self._watcher.inside,
            image_labels=labels, no_new_privileges=self._engine.no_new_privileges,
        )  # fmt: skip

    async def _change(self, key: FunctionKey, change: Callable[[Service], None]) -> None:
        """Change a service, again when another client changed it meanwhile. Raises NotFound, Unavailable."""
        for _ in range(_TRIES):
            try:
                await self._threads.call(change, await self._watcher.fresh(key))
            except OutOfDate:
                continue
            return
        raise Unavailable(f"function `{key.name}` is being changed by other clients all the time")

    async def _undo_create(self, identifier: str) -> None:
        service = await self._threads.call(self._engine.service, identifier)
        if service is not None:
            await self._threads.call(self._engine.remove, service)
            await self._watcher.refresh()

    def _status(self, service: Service) -> FunctionStatus:
        return status_of(
            service.deployment,
            replicas=service.replicas,
            available=self._watcher.available(service),
            created_at=service.created_at,
        )

    def _is_inside(self) -> bool:
        reach = os.environ.get("FAAS_SWARM_REACH", "")
        return is_inside(self._engine.subnets()) if reach not in ("network", "host") else reach == "network"
