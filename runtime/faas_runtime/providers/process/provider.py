"""The provider that runs functions as processes of this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import msgspec

from faas_runtime import __version__
from faas_runtime.core.api import (
    FunctionDeployment,
    FunctionStatus,
    LogMessage,
    ProviderInfo,
    VersionInfo,
)
from faas_runtime.core.enforcement import PROCESS, not_enforced
from faas_runtime.core.errors import AlreadyExists, RuntimeFault
from faas_runtime.core.isolation import NONE, probe_machine
from faas_runtime.core.paths import images_dir, instance_name
from faas_runtime.core.settings import GatewaySettings
from faas_runtime.images.store import ImageStore
from faas_runtime.providers.base import FunctionKey, LogQuery, RouteRemoved, RoutingChange
from faas_runtime.providers.common.annotations import SCALE_MIN_LABEL, initial_replicas
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.local import LocalStores
from faas_runtime.providers.common.logs import FunctionLog, now_rfc3339
from faas_runtime.providers.common.secrets import SecretStore
from faas_runtime.providers.common.status import key_of, unknown_function
from faas_runtime.providers.common.store import Deployed, DeploymentStore, NamespaceStore
from faas_runtime.providers.process.function import ProcessFunction, RunningVersion
from faas_runtime.providers.process.isolation import MachineOffer
from faas_runtime.providers.process.places import Places
from faas_runtime.providers.process.processes import Machine, delete_unused_images, end_orphans
from faas_runtime.providers.process.spec import Preparer, ReplicaSpec
from faas_runtime.providers.process.supervisor import ReplicaSet, stop_slots
from faas_runtime.providers.process.usage import ProcessUsageMeter

log = logging.getLogger("faas.process")

START_TIMEOUT = 10.0
"""Seconds after which a deployment that is still starting counts as accepted."""
UPDATE_TIMEOUT = 60.0
"""Seconds in which one more replica of a new version must become ready."""
STOP_GRACE = 5.0
"""Grace period of replicas in seconds when the gateway stops; its proxy has drained by then."""


class ProcessProvider(LocalStores):
    """Runs every function below one state directory."""

    def __init__(self, settings: GatewaySettings) -> None:
        state_dir = settings.state_dir
        self._settings = settings
        self._places = Places(state_dir)
        self._store = DeploymentStore(self._places.root)
        super().__init__(SecretStore(state_dir / "secrets"), NamespaceStore(self._store))
        images = ImageStore(images_dir(state_dir))
        self._preparer = Preparer(images, self._places.rootfs, self._secrets, self._namespaces)
        self._functions: dict[FunctionKey, ProcessFunction] = {}
        self._feed = RoutingFeed()
        self._usage = ProcessUsageMeter()
        self._machine = Machine(instance_name(state_dir))
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start every deployed function; they become ready in the background."""
        await asyncio.to_thread(self._machine.groups.find)
        self._preparer.machine = await asyncio.to_thread(self._offer)
        await asyncio.to_thread(end_orphans, self._places, self._machine.groups)
        known = await asyncio.to_thread(self._store.load)
        await asyncio.to_thread(delete_unused_images, self._places.rootfs, [deployed.digest for deployed in known])
        for deployed in known:
            await self._restore(deployed)

    async def close(self) -> None:
        """Stop every replica: processes cannot be handed to the next gateway."""
        functions = list(self._functions.values())
        running = [function.version.replicas for function in functions if function.version]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(replicas.stop(STOP_GRACE) for replicas in running if replicas is not None))
        for function in functions:
            function.log.end()
        self._machine.groups.close()
        self._places.close()

    async def info(self) -> ProviderInfo:
        """This engine, for `/system/info`."""
        return ProviderInfo(
            provider=PROCESS,
            version=VersionInfo(release=__version__, sha="unknown"),
            orchestration="processes",
            isolation=self._preparer.machine.as_wire(),
        )

    async def health(self) -> dict[str, str]:
        """Functions that cannot run, by name; `process` is always present."""
        problems = {
            f"function {key}": function.version.problem
            for key, function in self._functions.items()
            if function.version is not None and function.version.problem
        }
        return {"process": "ok", **problems}

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""
        await asyncio.to_thread(self._usage.read)
        return [
            function.status(self._usage)
            for key, function in sorted(self._functions.items())
            if key.namespace == namespace and function.version is not None
        ]

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function. Raises NotFound."""
        await asyncio.to_thread(self._usage.read)
        return self._function(key).status(self._usage)

    async def pinned_image(self, key: FunctionKey) -> str:
        """The image by its digest. Raises NotFound."""
        deployed = self._present(self._function(key)).deployed
        return f"{deployed.deployment.image.partition('@')[0]}@{deployed.digest}"

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a function and wait for its first replica, see the protocol."""
        key = key_of(deployment)
        if key in self._functions:
            raise AlreadyExists(f"function `{key.name}` exists already in namespace `{key.namespace}`")
        function = self._functions[key] = self._new_function(key)
        try:
            async with function.lock:
                version = await self._prepare(function, deployment, initial_replicas(deployment))
                await self._first_ready(version)
                await asyncio.to_thread(self._store.save, version.deployed)
                function.switch(version)
                await self._feed.acknowledged()
        except BaseException:
            del self._functions[key]
            function.log.remove()
            function.log.end()
            raise
        log.info("deployed %s (%s)", key, version.deployed.digest)

    async def update(self, deployment: FunctionDeployment) -> None:
        """Replace a function's version without failing a call, see the protocol."""
        function = self._function(key_of(deployment))
        async with function.lock:
            old = self._present(function)
            version = await self._prepare(function, deployment, _replicas_after_update(deployment, old.deployed))
            version = _keep_age(version, old.deployed)
            await self._all_ready(version)
            await asyncio.to_thread(self._store.save, version.deployed)
            limit = function.drain_timeout()
            function.switch(version)
            await self._feed.acknowledged()
        log.info("updated %s (%s)", function.key, version.deployed.digest)
        if old.replicas is not None:
            self._in_background(self._drain(old.replicas, limit))

    async def delete(self, key: FunctionKey) -> None:
        """Remove a function; its running calls may finish. Raises NotFound."""
        function = self._function(key)
        async with function.lock:
            if self._functions.get(key) is not function:
                raise unknown_function(key)
            version = self._present(function)
            await asyncio.to_thread(self._store.remove, key)
            del self._functions[key]
            limit = function.drain_timeout()
            function.version = None
            # At once: after the drain the files may be those of a new function with this name.
            function.log.remove()
            self._feed.publish(RouteRemoved(key))
            await self._feed.acknowledged()
        self._machine.users.forget(key)
        log.info("deleted %s", key)
        if version.replicas is not None:
            self._in_background(self._drain(version.replicas, limit, function.log))
        else:
            function.log.end()

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Start or drain replicas; returns at once. Raises NotFound, Invalid, Unavailable."""
        function = self._function(key)
        async with function.lock:
            deployed = msgspec.structs.replace(self._present(function).deployed, replicas=replicas)
            surplus = function.resize(deployed)
            await asyncio.to_thread(self._store.save, deployed)
            limit = function.drain_timeout()
        if surplus:
            self._in_background(self._stop_unused(surplus, limit))

    async def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines. Raises NotFound."""
        async for message in self._function(query.key).log.read(query):
            yield message

    async def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield the routing of every function, then every change."""
        present = [function.route() for function in self._functions.values() if function.version is not None]
        async for change in self._feed.read(present):
            yield change

    def _offer(self) -> MachineOffer:
        """What this machine and gateway offer. Blocking."""
        settings = self._settings
        return MachineOffer(
            offer=probe_machine(),
            wish=settings.isolation,
            enforced=self._machine.groups.enforced,
            refuse=tuple(f"self:{port}" for port in (settings.metrics_port, settings.control_port) if port),
            allow=(f"self:{settings.port}",) if settings.port else (),
            private=(settings.state_dir.resolve(),),
        )

    def _deployments(self) -> dict[FunctionKey, FunctionDeployment]:
        return {key: f.version.deployed.deployment for key, f in self._functions.items() if f.version is not None}

    async def _renew_secrets(self, key: FunctionKey) -> None:
        function = self._functions.get(key)  # may have been deleted meanwhile
        version = function.version if function is not None else None
        if version is not None and version.replicas is not None:
            names = list(version.deployed.deployment.secrets)
            values = await asyncio.to_thread(self._secrets.values, names, key.namespace)
            await asyncio.to_thread(version.replicas.renew_secrets, values)

    def _function(self, key: FunctionKey) -> ProcessFunction:
        function = self._functions.get(key)
        if function is None or function.version is None:
            raise unknown_function(key)
        return function

    def _present(self, function: ProcessFunction) -> RunningVersion:
        if function.version is None:  # deleted while this waited for the lock
            raise unknown_function(function.key)
        return function.version

    def _new_function(self, key: FunctionKey) -> ProcessFunction:
        path = self._places.logs / key.namespace / f"{key.name}.log"
        return ProcessFunction(key, FunctionLog(key, path), self._places, self._machine, self._route_changed)

    def _route_changed(self, function: ProcessFunction) -> None:
        self._feed.publish(function.route())

    async def _prepare(
        self, function: ProcessFunction, deployment: FunctionDeployment, replicas: int
    ) -> RunningVersion:
        """Check everything that can be checked, then start the replicas. Raises Invalid."""
        spec = await self._preparer.spec(deployment)
        deployed = Deployed(deployment=deployment, digest=spec.digest, replicas=replicas, created_at=now_rfc3339())
        version = _prepared(function, deployed, spec)
        missing = not_enforced(deployment, PROCESS, spec.isolation.enforced_settings)
        if missing:
            function.log.add("gateway", f"not enforced for processes of this machine: {', '.join(missing)}")
        return version

    async def _first_ready(self, version: RunningVersion) -> None:
        assert version.replicas is not None
        try:
            await version.replicas.first_ready(START_TIMEOUT)
        except BaseException:
            await version.replicas.stop(0)
            raise

    async def _all_ready(self, version: RunningVersion) -> None:
        assert version.replicas is not None
        try:
            await version.replicas.all_ready(UPDATE_TIMEOUT)
        except BaseException:
            await version.replicas.stop(0)
            raise

    async def _restore(self, deployed: Deployed) -> None:
        function = self._functions[deployed.key] = self._new_function(deployed.key)
        try:
            spec = await self._preparer.spec_of(deployed.deployment, deployed.digest)
            version = _prepared(function, deployed, spec)
        except RuntimeFault as fault:
            log.error("%s cannot be started again: %s", deployed.key, fault)
            version = RunningVersion(deployed, None, str(fault))
        function.switch(version)

    async def _drain(self, replicas: ReplicaSet, limit: float, finished: FunctionLog | None = None) -> None:
        await replicas.stop(limit)
        if finished is not None:
            finished.end()

    async def _stop_unused(self, surplus: Any, limit: float) -> None:
        await self._feed.acknowledged()
        await stop_slots(surplus, limit)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("stopping replicas failed", exc_info=task.exception())


def _prepared(function: ProcessFunction, deployed: Deployed, spec: ReplicaSpec) -> RunningVersion:
    """A version that can be started; how it is isolated is logged, as the machine may offer less than before."""
    if spec.isolation.level != NONE:
        function.log.add("gateway", spec.isolation.line())
    return function.prepare(deployed, spec)


def _replicas_after_update(deployment: FunctionDeployment, old: Deployed) -> int:
    # As on Kubernetes: the label decides, else the present number stays; at least one, to test the new version.
    if SCALE_MIN_LABEL in (deployment.labels or {}):
        return initial_replicas(deployment)
    return max(1, old.replicas)


def _keep_age(version: RunningVersion, old: Deployed) -> RunningVersion:
    return RunningVersion(msgspec.structs.replace(version.deployed, created_at=old.created_at), version.replicas)
