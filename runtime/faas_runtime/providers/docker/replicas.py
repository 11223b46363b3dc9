"""Starts containers, waits until they are ready, and stops them."""

from __future__ import annotations

import asyncio
import logging
import secrets as random_secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from faas_runtime.core.container_rights import ContainerRights, advice, rights_of
from faas_runtime.core.errors import RuntimeFault, StartFailed
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.readiness import Probe, ProbeTarget, accepted_probe, is_ready
from faas_runtime.providers.common.secrets import SecretStore
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.docker.container import Container, Image
from faas_runtime.providers.docker.engine import DockerEngine
from faas_runtime.providers.docker.function import DockerFunction
from faas_runtime.providers.docker.pullsecrets import for_function
from faas_runtime.providers.docker.secretfiles import SecretFiles
from faas_runtime.providers.docker.spec import (
    FUNCTION_LABEL,
    INSTANCE_LABEL,
    NAMESPACE_LABEL,
    container_config,
    labels_of,
    network_of,
)

log = logging.getLogger("faas.docker")

READY_TIMEOUT = 60.0
"""Seconds in which a container must become ready."""
LAST_LINES = 20
"""Lines of output in the fault of a container that did not become ready."""


class Replicas:
    """Starts and stops the containers of one gateway on one engine; never touches any other."""

    def __init__(
        self,
        engine: DockerEngine,
        threads: EngineThreads,
        secrets: SecretStore,
        files: SecretFiles,
        *,
        instance: str,
        network: str,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._secrets = secrets
        self._files = files
        self._instance = instance
        self._network = network

    async def start(self, function: DockerFunction, count: int) -> Sequence[Container]:
        """Start replicas and wait until all are ready. Raises what `start_some` returns; then none is left."""
        started, fault = await self.start_some(function, count)
        if fault is not None:
            await self.stop(started, 0)
            raise fault
        return started

    async def start_some(self, function: DockerFunction, count: int) -> tuple[list[Container], RuntimeFault | None]:
        """Start replicas; returns those that became ready, and the first fault of the others.

        StartFailed has the last lines of one that ended; Invalid the reason why the engine refuses it.
        """
        await self.write_secrets(function)
        network = network_of(self._network, function.key.namespace)
        try:
            image: Image = await self._threads.call(self._engine.image, function.deployed.digest)
            await self._threads.call(self._engine.ensure_network, network, function.key.namespace)
        except RuntimeFault as fault:
            return [], fault
        starting = (self._start_one(function, image, network) for _ in range(count))
        results = await asyncio.gather(*starting, return_exceptions=True)
        started = [result for result in results if isinstance(result, Container)]
        faults = [result for result in results if isinstance(result, BaseException)]
        if unexpected := [fault for fault in faults if not isinstance(fault, RuntimeFault)]:
            await self.stop(started, 0)
            raise unexpected[0]
        return started, next((fault for fault in faults if isinstance(fault, RuntimeFault)), None)

    async def answering(self, function: DockerFunction, containers: Iterable[Container]) -> list[Container]:
        """Those that are ready now."""
        known = [container for container in containers if container.running]
        probe = await self._probe(function)
        answers = await asyncio.gather(*(is_ready(_asked(each), probe) for each in known))
        return [container for container, ready in zip(known, answers, strict=True) if ready]

    async def of(self, function: DockerFunction, *, every_version: bool = False) -> Sequence[Container]:
        """The containers of a function, stopped ones too."""
        labels = labels_of(function.key, function.deployed.version, self._instance)
        if every_version:
            labels = {name: labels[name] for name in (INSTANCE_LABEL, FUNCTION_LABEL, NAMESPACE_LABEL)}
        return await self._threads.call(self._engine.find, labels)

    async def everything(self) -> Sequence[Container]:
        """All containers of this gateway."""
        return await self._threads.call(self._engine.find, {INSTANCE_LABEL: self._instance})

    async def stop(self, containers: Iterable[Container], grace: float) -> None:
        """End containers, each when its calls are done or after `grace` seconds, and remove them."""
        stopping = (self._threads.call_long(self._engine.stop, each.id, grace) for each in containers)
        for result in await asyncio.gather(*stopping, return_exceptions=True):
            # The next start of the gateway removes it.
            if isinstance(result, BaseException):
                log.warning("a container could not be removed: %s", result)

    async def remove_version(self, function: DockerFunction) -> None:
        """Remove containers and files of a version that will not be used; cancelling does not interrupt it."""
        removal = asyncio.ensure_future(self._remove_version(function))
        try:
            await asyncio.shield(removal)
        except asyncio.CancelledError:
            await removal
            raise

    async def _remove_version(self, function: DockerFunction) -> None:
        try:
            await self.stop(await self.of(function), 0)
        except RuntimeFault as fault:
            log.warning("%s: its containers could not be removed: %s", function.key, fault)
        await asyncio.to_thread(self._files.remove, function.deployed)

    async def write_secrets(self, function: DockerFunction) -> None:
        """Write the present values of its secrets to the folder its containers see. Raises Invalid."""
        deployment = function.deployed.deployment
        values = await asyncio.to_thread(self._secrets.values, list(deployment.secrets), deployment.namespace)
        await asyncio.to_thread(self._files.write, function.deployed, for_function(values))

    async def _start_one(self, function: DockerFunction, image: Image, network: str) -> Container:
        deployed, key = function.deployed, function.key
        labels = labels_of(key, deployed.version, self._instance)
        folder = self._files.folder(deployed)
        own = self._engine.own
        secrets = own.host_path(folder) if folder else ""
        config = container_config(
            deployed.deployment,
            deployed.digest,
            labels,
            network,
            secrets,
            self._rights(function, image),
            published=not own.inside,
        )
        name = f"faas-{key.namespace}-{key.name}-{random_secrets.token_hex(4)}"
        probe = accepted_probe(deployed.deployment, image.environment)
        container = await self._create(name, config)
        function.notify_log_readers(container)
        await self._until_ready(key, container, probe)
        return container

    def _rights(self, function: DockerFunction, image: Image) -> ContainerRights:
        rights = rights_of(function.deployed.deployment, image.labels)
        can = self._engine.limits
        return replace(
            rights, pids=rights.pids if "pids" in can else None, memory=rights.memory if "memory" in can else None
        )

    async def _create(self, name: str, config: Mapping[str, Any]) -> Container:
        creating = asyncio.ensure_future(self._threads.call(self._engine.start, name, config))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            # The engine creates it all the same.
            await self.stop([await creating], 0)
            raise

    async def _probe(self, function: DockerFunction) -> Probe:
        image: Image = await self._threads.call(self._engine.image, function.deployed.digest)
        return accepted_probe(function.deployed.deployment, image.environment)

    async def _until_ready(self, key: FunctionKey, container: Container, probe: Probe) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_TIMEOUT + (probe.initial_delay or 0.0)
        while not container.port or not await is_ready(_asked(container), probe):
            now = await self._threads.call(self._engine.get, container.id)
            if now is None or not now.running:
                raise await self._start_failed(key, container, f"ended before it was ready ({ending(now)})")
            if loop.time() > deadline:
                raise await self._start_failed(key, container, f"was not ready after {READY_TIMEOUT:g} s")
            await asyncio.sleep(probe.period)

    async def _start_failed(self, key: FunctionKey, container: Container, what: str) -> StartFailed:
        lines = await self._threads.call(self._engine.last_lines, container.id, LAST_LINES)
        await self.stop([container], 0)
        output = ":\n" + "\n".join(lines) if lines else " and printed nothing"
        more = advice("\n".join(lines))
        return StartFailed(f"`{key.name}` {what}{output}" + (f"\n{more}" if more else ""))


def _asked(container: Container) -> ProbeTarget:
    return ProbeTarget(container.host, container.port, time.time() - container.started_at, container.pid)


def ending(container: Container | None) -> str:
    """Why a container does not run, in words."""
    if container is None:
        return "it was removed"
    return "out of memory" if container.out_of_memory else f"exit code {container.exit_code}"
