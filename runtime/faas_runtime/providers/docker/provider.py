"""The provider that runs functions as containers of one engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets as random_secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec

from faas_runtime import __version__
from faas_runtime.core.api import (
    DEFAULT_NAMESPACE,
    FunctionDeployment,
    FunctionStatus,
    LogMessage,
    ProviderInfo,
    VersionInfo,
)
from faas_runtime.core.enforcement import DOCKER
from faas_runtime.core.errors import AlreadyExists, RuntimeFault
from faas_runtime.core.paths import instance_name
from faas_runtime.providers.base import FunctionKey, LogQuery, RouteRemoved, RoutingChange
from faas_runtime.providers.common.annotations import initial_replicas
from faas_runtime.providers.common.docker_api import check_deployment
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.local import LocalStores
from faas_runtime.providers.common.logs import now_rfc3339
from faas_runtime.providers.common.secrets import SecretStore
from faas_runtime.providers.common.status import key_of, unknown_function
from faas_runtime.providers.common.store import Deployed, DeploymentStore, NamespaceStore
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.docker.container import Container
from faas_runtime.providers.docker.engine import DockerEngine
from faas_runtime.providers.docker.function import DockerFunction
from faas_runtime.providers.docker.logs import ContainerLogReader
from faas_runtime.providers.docker.pullsecrets import credentials
from faas_runtime.providers.docker.reconciler import Reconciler
from faas_runtime.providers.docker.replicas import Replicas
from faas_runtime.providers.docker.secretfiles import SecretFiles
from faas_runtime.providers.docker.spec import network_of
from faas_runtime.providers.docker.usage import ContainerUsageMeter

log = logging.getLogger("faas.docker")

HEALTH_TIMEOUT = 2.0
"""Seconds after which an engine is reported as not answering."""


class DockerProvider(LocalStores):
    """Runs functions in its own containers; it never touches any other.

    `instance` distinguishes the containers of several gateways on one engine; by default it is
    derived from the state directory, which holds what is deployed.
    """

    def __init__(self, state_dir: Path, *, network: str = "faas", instance: str = "") -> None:
        folder = state_dir / "docker"
        self._network = network
        self._instance = instance or instance_name(state_dir)
        self._store = DeploymentStore(folder)
        self._files = SecretFiles(self._instance, folder / "mounted")
        super().__init__(SecretStore(state_dir / "secrets"), NamespaceStore(self._store))
        self._functions: dict[FunctionKey, DockerFunction] = {}
        self._creating: set[FunctionKey] = set()
        self._feed = RoutingFeed()
        self._engine = DockerEngine()
        self._threads = EngineThreads()
        self._usage = ContainerUsageMeter(self._engine)
        self._replicas = Replicas(
            self._engine, self._threads, self._secrets, self._files, instance=self._instance, network=network
        )
        self._reconciler = Reconciler(
            self._engine, self._threads, self._replicas, self._feed, self._functions, self._instance
        )

    async def start(self) -> None:
        """Adopt the containers of an earlier run and start missing ones. Raises Unavailable."""
        await self._threads.call(self._engine.connect)
        log.info("functions run on %s at %s", self._engine.description, self._engine.address)
        await self._threads.call(self._engine.ensure_network, self._network, DEFAULT_NAMESPACE)
        if self._engine.own.container:
            self._files.use_disk()
        known = await asyncio.to_thread(self._store.load)
        await asyncio.to_thread(self._files.keep_only, known)
        for deployed in known:
            self._functions[deployed.key] = DockerFunction(deployed.key, deployed)
        await self._reconciler.adopt(await self._replicas.everything())
        for function in self._functions.values():
            self._feed.publish(function.route())
            self._reconciler.manage(function)
        self._reconciler.listen()

    async def close(self) -> None:
        """Stop watching; containers keep running, and the next gateway adopts them."""
        for function in self._functions.values():
            function.notify_log_readers(None)
        await self._reconciler.close()
        await asyncio.to_thread(self._engine.close)
        self._threads.close()

    async def info(self) -> ProviderInfo:
        """This engine, for `/system/info`; the orchestration is the engine's name and version."""
        version = VersionInfo(release=__version__, sha="unknown")
        return ProviderInfo(provider=DOCKER, version=version, orchestration=self._engine.description)

    async def health(self) -> dict[str, str]:
        """Whether the engine answers, and the functions that have not all their replicas because of a problem."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT):
                problem = await self._threads.call_long(self._engine.problem)
        except TimeoutError:
            problem = f"no answer within {HEALTH_TIMEOUT:g} s"
        functions = {
            f"function {key}": function.problem
            for key, function in self._functions.items()
            if function.problem and len(function.ready) < function.deployed.replicas
        }
        return {"docker": problem or self._reconciler.problem or "ok", **functions}

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""
        return [function.status() for key, function in sorted(self._present()) if key.namespace == namespace]

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function with what its containers use. Raises NotFound."""
        function = self._function(key)
        usage = await self._threads.call(self._usage.read, list(function.ready))
        return function.status(usage)

    async def pinned_image(self, key: FunctionKey) -> str:
        """The image by its id. Raises NotFound."""
        deployed = self._function(key).deployed
        return f"{deployed.deployment.image.partition('@')[0]}@{deployed.digest}"

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a function, see the protocol."""
        key = key_of(deployment)
        if key in self._functions or key in self._creating:
            raise AlreadyExists(f"function `{key.name}` exists already in namespace `{key.namespace}`")
        self._creating.add(key)
        try:
            function = DockerFunction(key, await self._new(deployment, initial_replicas(deployment), now_rfc3339()))
            containers = await self._bring_up(function)
        finally:
            self._creating.discard(key)
        self._functions[key] = function
        self._publish_ready(function, containers)
        self._reconciler.manage(function)
        await self._feed.acknowledged()
        log.info("deployed %s (%s)", key, function.deployed.digest)

    async def update(self, deployment: FunctionDeployment) -> None:
        """Replace a function's version without failing a call, see the protocol."""
        function = self._function(key_of(deployment))
        async with function.lock:
            self._function(function.key)  # it may have been deleted while this waited
            old, limit = function.deployed, function.drain_timeout()
            replicas = max(initial_replicas(deployment), old.replicas)
            new = DockerFunction(function.key, await self._new(deployment, replicas, old.created_at))
            new.log_readers = function.log_readers
            containers = await self._bring_up(new)
            replaced = list(function.ready.values())
            function.remove_ready([container.id for container in replaced])
            function.deployed, function.pause, function.problem = new.deployed, 0.0, ""
            self._publish_ready(function, containers)
            await self._feed.acknowledged()
        function.wake.set()
        log.info("updated %s (%s)", function.key, function.deployed.digest)
        self._reconciler.spawn(self._end(DockerFunction(function.key, old), replaced, limit))

    async def delete(self, key: FunctionKey) -> None:
        """Remove a function; its running calls may finish. Raises NotFound."""
        function = self._function(key)
        async with function.lock:
            self._function(key)
            await asyncio.to_thread(self._store.remove, key)
            del self._functions[key]
            self._reconciler.release(function)
            self._feed.publish(RouteRemoved(key))
            await self._feed.acknowledged()
        log.info("deleted %s", key)
        self._reconciler.spawn(self._end(function, list(function.ready.values()), function.drain_timeout()))

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Set the desired number of replicas; they start and stop in the background. Raises NotFound."""
        function = self._function(key)
        async with function.lock:
            self._function(key)
            function.deployed = msgspec.structs.replace(function.deployed, replicas=replicas)
            await asyncio.to_thread(self._store.save, function.deployed)
            self._feed.publish(function.route())
        function.wake.set()

    async def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines of every replica by time, then (`follow`) new ones. Raises NotFound."""
        function = self._function(query.key)
        reader = ContainerLogReader(self._engine, query)
        function.log_readers.add(reader.add)
        try:
            containers = await self._replicas.of(function, every_version=True)
            for message in await self._threads.call_long(reader.history, containers):
                yield message
            if query.follow:
                for container in containers:
                    reader.add(container)
                async for message in reader.follow():
                    yield message
        finally:
            function.log_readers.discard(reader.add)
            reader.close()

    async def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield the routing of every function, then every change."""
        async for change in self._feed.read([function.route() for _, function in self._present()]):
            yield change

    def _deployments(self) -> dict[FunctionKey, FunctionDeployment]:
        return {key: function.deployed.deployment for key, function in self._functions.items()}

    async def _renew_secrets(self, key: FunctionKey) -> None:
        if function := self._functions.get(key):  # may have been deleted meanwhile
            await self._replicas.write_secrets(function)

    async def _new(self, deployment: FunctionDeployment, replicas: int, created_at: str) -> Deployed:
        """A version, with everything checked that can be before a container starts. Raises Invalid."""
        self._namespaces.check(deployment.namespace)
        check_deployment(deployment)
        values = await asyncio.to_thread(self._secrets.values, list(deployment.secrets), deployment.namespace)
        auth = credentials(deployment.image, values)
        image = await self._threads.call_long(self._engine.image, deployment.image, auth)
        version = random_secrets.token_hex(4)
        return Deployed(
            deployment=deployment, digest=image.id, replicas=replicas, created_at=created_at, version=version
        )

    async def _bring_up(self, function: DockerFunction) -> Sequence[Container]:
        """Start all replicas of a new version and store it. On any failure nothing of it is left."""
        try:
            containers = await self._replicas.start(function, function.deployed.replicas)
            await asyncio.to_thread(self._store.save, function.deployed)
        except BaseException:
            # Also when the caller was cancelled: no container may be left behind.
            self._reconciler.spawn(self._replicas.remove_version(function))
            raise
        return containers

    def _publish_ready(self, function: DockerFunction, containers: Sequence[Container]) -> None:
        function.add_ready(containers, asyncio.get_running_loop().time())
        self._feed.publish(function.route())

    async def _end(self, version: DockerFunction, containers: Sequence[Container], limit: float) -> None:
        try:
            await self._replicas.stop(containers, limit)
        finally:
            # The gateway's stop cancels the wait for running calls. Neither containers nor secrets stay behind.
            await self._replicas.remove_version(version)
            await self._drop_network(version.key.namespace)

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace, its functions and its network. Raises NotFound, Invalid."""
        await super().delete_namespace(name)
        await self._drop_network(name)

    async def _drop_network(self, namespace: str) -> None:
        """Remove the network of a namespace that no longer exists, once no container uses it."""
        if namespace not in self._namespaces.names():
            with contextlib.suppress(RuntimeFault):
                await self._threads.call(self._engine.remove_network, network_of(self._network, namespace))

    def _present(self) -> Sequence[tuple[FunctionKey, DockerFunction]]:
        return list(self._functions.items())

    def _function(self, key: FunctionKey) -> DockerFunction:
        function = self._functions.get(key)
        if function is None:
            raise unknown_function(key)
        return function
