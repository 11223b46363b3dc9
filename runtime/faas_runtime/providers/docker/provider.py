"""The provider that runs functions as containers of one engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets as random_secrets
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from faas_runtime import __version__
from faas_runtime.api import (
    DEFAULT_NAMESPACE,
    FunctionDeployment,
    FunctionNamespace,
    FunctionStatus,
    FunctionUsage,
    LogMessage,
    ProviderInfo,
    Secret,
    VersionInfo,
)
from faas_runtime.errors import AlreadyExists, NotFound, RuntimeFault, StartFailed, Unavailable
from faas_runtime.providers.base import Endpoint, FunctionKey, LogQuery, RouteRemoved, RouteUpdate, RoutingChange
from faas_runtime.providers.docker.engine import Container, DockerEngine, Image
from faas_runtime.providers.docker.readiness import is_ready
from faas_runtime.providers.docker.spec import (
    FUNCTION_LABEL,
    INSTANCE_LABEL,
    NAMESPACE_LABEL,
    VERSION_LABEL,
    container_config,
    labels_of,
)
from faas_runtime.providers.process.feed import RoutingFeed
from faas_runtime.providers.process.logs import now_rfc3339
from faas_runtime.providers.process.namespaces import NamespaceBook
from faas_runtime.providers.process.secrets import SecretStore
from faas_runtime.providers.process.spec import call_timeout, initial_replicas, is_internal
from faas_runtime.providers.process.store import Deployed, FunctionStore, write_durably

log = logging.getLogger("faas.docker")

Result = TypeVar("Result")

READY_LIMIT = 60.0
"""Seconds a container may take until its function is ready."""
DRAIN_LIMIT = 60.0
"""Seconds a container may take to finish its calls where the function names no timeout."""
LAST_LINES = 20
_POLL = 0.05
_THREADS = 24
_BACKOFF = (0.1, 30.0)


@dataclass(slots=True)
class _Function:
    """One deployed function: what it should be, and the containers that are ready."""

    key: FunctionKey
    deployed: Deployed
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ready: dict[str, Container] = field(default_factory=dict)
    pause: float = 0.0

    @property
    def version(self) -> str:
        return self.deployed.version

    def route(self) -> RouteUpdate:
        deployment = self.deployed.deployment
        endpoints = tuple(Endpoint(each.name, "127.0.0.1", each.port) for each in self.ready.values())
        return RouteUpdate(
            self.key,
            endpoints,
            replicas=self.deployed.replicas,
            timeout=call_timeout(deployment),
            internal=is_internal(deployment),
        )

    def status(self, usage: FunctionUsage | None = None) -> FunctionStatus:
        deployment = self.deployed.deployment
        return FunctionStatus(
            name=deployment.service,
            image=deployment.image,
            namespace=deployment.namespace,
            env_process=deployment.env_process,
            env_vars=deployment.env_vars,
            constraints=deployment.constraints,
            secrets=deployment.secrets,
            labels=deployment.labels,
            annotations=deployment.annotations,
            limits=deployment.limits,
            requests=deployment.requests,
            read_only_root_filesystem=deployment.read_only_root_filesystem,
            replicas=self.deployed.replicas,
            available_replicas=len(self.ready),
            created_at=self.deployed.created_at,
            usage=usage,
        )

    def drain_limit(self) -> float:
        return call_timeout(self.deployed.deployment) or DRAIN_LIMIT


class DockerProvider:
    """Runs functions in containers that it made; any other container is left alone.

    `instance` tells the containers of several gateways on one engine apart.
    """

    def __init__(self, state_dir: Path, *, network: str = "faas", instance: str = "") -> None:
        self._folder = state_dir / "docker"
        self._network = network
        self._instance = instance or _instance_name(state_dir)
        self._store = FunctionStore(self._folder)
        self._secrets = SecretStore(state_dir / "secrets")
        self._namespaces = NamespaceBook(self._store)
        self._functions: dict[FunctionKey, _Function] = {}
        self._feed = RoutingFeed()
        self._engine = DockerEngine()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    async def start(self) -> None:
        """Find our containers again and bring back what is missing. Raises Unavailable."""
        await self._call(self._engine.connect)
        await self._call(self._engine.ensure_network, self._network)
        for deployed in await asyncio.to_thread(self._store.load):
            self._functions[deployed.key] = _Function(deployed.key, deployed)
        await self._adopt()
        for function in self._functions.values():
            self._in_background(self._reconcile(function))
        self._in_background(self._follow_events())

    async def close(self) -> None:
        """Stop watching; containers go on, and the next gateway finds them."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._engine.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def info(self) -> ProviderInfo:
        """What `/system/info` says about this engine."""
        version = VersionInfo(release=__version__, sha="unknown")
        return ProviderInfo(provider="faas-docker", version=version, orchestration="docker")

    async def health(self) -> dict[str, str]:
        """Whether the engine answers."""
        problem = await self._call(self._engine.problem)
        return {"docker": problem or "ok"}

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""
        return [function.status() for key, function in sorted(self._functions.items()) if key.namespace == namespace]

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function with what its containers use. Raises NotFound."""
        function = self._function(key)
        used = await asyncio.gather(*(self._call(self._engine.usage, each.id) for each in function.ready.values()))
        usage = FunctionUsage(cpu=sum(cpu for cpu, _ in used), total_memory_bytes=sum(memory for _, memory in used))
        return function.status(usage)

    async def pinned_image(self, key: FunctionKey) -> str:
        """The image by its id. Raises NotFound."""
        deployed = self._function(key).deployed
        return f"{deployed.deployment.image.partition('@')[0]}@{deployed.digest}"

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a function, see the protocol."""
        key = FunctionKey(deployment.service, deployment.namespace)
        if key in self._functions:
            raise AlreadyExists(f"function `{key.name}` exists already in namespace `{key.namespace}`")
        function = self._functions[key] = await self._new(deployment, initial_replicas(deployment), now_rfc3339())
        try:
            async with function.lock:
                containers = await self._start_ready(function, function.deployed.replicas)
                await asyncio.to_thread(self._store.save, function.deployed)
                self._publish(function, containers)
                await self._feed.taken_over()
        except BaseException:
            self._functions.pop(key, None)
            await self._remove_version(function)
            raise
        log.info("deployed %s (%s)", key, function.deployed.digest)

    async def update(self, deployment: FunctionDeployment) -> None:
        """Replace a function's version without failing a call, see the protocol."""
        key = FunctionKey(deployment.service, deployment.namespace)
        function = self._function(key)
        async with function.lock:
            old = self._function(key)
            replicas = max(initial_replicas(deployment), old.deployed.replicas)
            new = await self._new(deployment, replicas, old.deployed.created_at)
            try:
                containers = await self._start_ready(new, replicas)
                await asyncio.to_thread(self._store.save, new.deployed)
            except BaseException:
                await self._remove_version(new)
                raise
            previous, limit = list(old.ready.values()), old.drain_limit()
            version = function.version
            function.deployed = new.deployed
            function.ready = {}
            self._publish(function, containers)
            await self._feed.taken_over()
        log.info("updated %s (%s)", key, function.deployed.digest)
        self._in_background(self._drain(previous, limit, key, version))

    async def delete(self, key: FunctionKey) -> None:
        """Remove a function; its running calls may finish. Raises NotFound."""
        function = self._function(key)
        async with function.lock:
            self._function(key)
            await asyncio.to_thread(self._store.remove, key)
            del self._functions[key]
            self._feed.publish(RouteRemoved(key))
            await self._feed.taken_over()
        log.info("deleted %s", key)
        self._in_background(self._drain(list(function.ready.values()), function.drain_limit(), key, function.version))

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Ask for a number of replicas; they come and go in the background. Raises NotFound."""
        function = self._function(key)
        async with function.lock:
            function.deployed = msgspec.structs.replace(function.deployed, replicas=replicas)
            await asyncio.to_thread(self._store.save, function.deployed)
            self._feed.publish(function.route())
        self._in_background(self._reconcile(function))

    async def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines of every replica, each replica's in order. Raises NotFound."""
        function = self._function(query.key)
        containers = await self._containers(function)
        wanted = [each for each in containers if not query.instance or each.name == query.instance]
        lines: asyncio.Queue[LogMessage | None] = asyncio.Queue(1000)
        loop = asyncio.get_running_loop()
        stopped = threading.Event()
        since = query.since.timestamp() if query.since is not None else None

        def read(container: Container) -> None:
            found = self._engine.log_lines(container.id, since, query.tail, query.follow)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                for moment, text in found:
                    if stopped.is_set():
                        return
                    message = LogMessage(
                        name=query.key.name, namespace=query.key.namespace, instance=container.name,
                        timestamp=moment, text=text,
                    )  # fmt: skip
                    asyncio.run_coroutine_threadsafe(lines.put(message), loop).result()
                asyncio.run_coroutine_threadsafe(lines.put(None), loop).result()

        for container in wanted:
            threading.Thread(target=read, args=(container,), daemon=True).start()
        ended = 0
        try:
            while ended < len(wanted):
                message = await lines.get()
                if message is None:
                    ended += 1
                else:
                    yield message
        finally:
            stopped.set()
            while not lines.empty():
                lines.get_nowait()

    async def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield the routing of every function, then every change."""
        async for change in self._feed.read([function.route() for function in self._functions.values()]):
            yield change

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace."""
        names = await asyncio.to_thread(self._secrets.names, namespace)
        return [Secret(name=name, namespace=namespace) for name in names]

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists."""
        self._namespaces.check(secret.namespace or DEFAULT_NAMESPACE)
        await asyncio.to_thread(self._secrets.create, _placed(secret))

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value; running containers see the new one at once. Raises NotFound."""
        secret = _placed(secret)
        await asyncio.to_thread(self._secrets.replace, secret)
        for key, function in list(self._functions.items()):
            if key.namespace == secret.namespace and secret.name in function.deployed.deployment.secrets:
                await asyncio.to_thread(self._write_secrets, function)

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Forget a secret. Raises NotFound."""
        await asyncio.to_thread(self._secrets.delete, name, namespace or DEFAULT_NAMESPACE)

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces."""
        return self._namespaces.names()

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace. Raises NotFound."""
        return self._namespaces.get(name)

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        await asyncio.to_thread(self._namespaces.add, namespace)

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        await asyncio.to_thread(self._namespaces.replace, namespace)

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace and its functions. Raises NotFound, Invalid."""
        await asyncio.to_thread(self._namespaces.remove, name)
        for key in [key for key in self._functions if key.namespace == name]:
            await self.delete(key)

    async def _new(self, deployment: FunctionDeployment, replicas: int, created_at: str) -> _Function:
        """A version of a function, with everything checked that can be before a container starts. Raises Invalid."""
        self._namespaces.check(deployment.namespace)
        await asyncio.to_thread(self._secrets.values, list(deployment.secrets), deployment.namespace)
        call_timeout(deployment)
        image: Image = await self._call(self._engine.image, deployment.image)
        version = random_secrets.token_hex(4)
        deployed = Deployed(
            deployment=deployment, digest=image.id, replicas=replicas, created_at=created_at, version=version
        )
        return _Function(FunctionKey(deployment.service, deployment.namespace), deployed)

    async def _start_ready(self, function: _Function, count: int) -> Sequence[Container]:
        """Start replicas and wait until all are ready. Raises StartFailed with the last lines of one that is not."""
        await asyncio.to_thread(self._write_secrets, function)
        return await asyncio.gather(*(self._start_one(function) for _ in range(count)))

    async def _start_one(self, function: _Function) -> Container:
        deployment = function.deployed.deployment
        labels = labels_of(function.key, function.version, self._instance)
        folder = str(self._secret_folder(function)) if deployment.secrets else ""
        config = container_config(deployment, function.deployed.digest, labels, self._network, folder)
        name = f"faas-{function.key.namespace}-{function.key.name}-{random_secrets.token_hex(4)}"
        container: Container = await self._call(self._engine.start, name, config)
        image: Image = await self._call(self._engine.image, function.deployed.digest)
        has_ready = "mode" in {**image.environment, **deployment.env_vars}
        await self._until_ready(function.key, container, has_ready)
        return container

    async def _until_ready(self, key: FunctionKey, container: Container, has_ready: bool) -> None:
        deadline = asyncio.get_running_loop().time() + READY_LIMIT
        while not await is_ready("127.0.0.1", container.port, has_ready):
            now = await self._call(self._engine.get, container.id)
            if now is None or not now.running:
                code = "it was removed" if now is None else f"exit code {now.exit_code}"
                raise await self._start_failed(key, container, f"ended before it was ready ({code})")
            if asyncio.get_running_loop().time() > deadline:
                raise await self._start_failed(key, container, f"was not ready after {READY_LIMIT:g} s")
            await asyncio.sleep(_POLL)

    async def _start_failed(self, key: FunctionKey, container: Container, what: str) -> StartFailed:
        lines = await self._call(self._engine.last_lines, container.id, LAST_LINES)
        await self._call(self._engine.stop, container.id, 0)
        said = ":\n" + "\n".join(lines) if lines else " and said nothing"
        return StartFailed(f"`{key.name}` {what}{said}")

    def _publish(self, function: _Function, containers: Sequence[Container]) -> None:
        function.ready.update({container.id: container for container in containers})
        self._feed.publish(function.route())

    async def _adopt(self) -> None:
        """Take over the containers an earlier gateway left; those of no present version are removed."""
        for container in await self._call(self._engine.find, {INSTANCE_LABEL: self._instance}):
            key = FunctionKey(container.labels.get(FUNCTION_LABEL, ""), container.labels.get(NAMESPACE_LABEL, ""))
            function = self._functions.get(key)
            if function is None or not container.running:
                await self._call(self._engine.stop, container.id, 0)
                continue
            if container.labels.get(VERSION_LABEL) == function.version:
                function.ready[container.id] = container
            else:
                await self._call(self._engine.stop, container.id, 0)

    async def _reconcile(self, function: _Function) -> None:
        """Make the number of replicas what it should be; again and again, with a growing pause, until it is."""
        while self._functions.get(function.key) is function and not self._closing:
            try:
                async with function.lock:
                    await self._reconcile_once(function)
                function.pause = 0.0
                return
            except RuntimeFault as fault:
                least, most = _BACKOFF
                function.pause = min(most, max(least, function.pause * 2))
                log.warning("%s: %s; trying again in %.1f s", function.key, str(fault).splitlines()[0], function.pause)
                await asyncio.sleep(function.pause)

    async def _reconcile_once(self, function: _Function) -> None:
        known = {each.id for each in await self._containers(function) if each.running}
        gone = [identifier for identifier in function.ready if identifier not in known]
        for identifier in gone:
            del function.ready[identifier]
        if gone:
            self._feed.publish(function.route())
            for identifier in gone:
                await self._call(self._engine.stop, identifier, 0)
        missing = function.deployed.replicas - len(function.ready)
        if missing > 0:
            self._publish(function, await self._start_ready(function, missing))
        elif missing < 0:
            surplus = list(function.ready.values())[missing:]
            for container in surplus:
                del function.ready[container.id]
            self._feed.publish(function.route())
            await self._feed.taken_over()
            self._in_background(self._stop_all(surplus, function.drain_limit()))

    async def _follow_events(self) -> None:
        """Notice containers that die, and engines that go and come back."""
        loop = asyncio.get_running_loop()
        while not self._closing:
            actions: asyncio.Queue[FunctionKey | None] = asyncio.Queue()

            def listen(told: Callable[[FunctionKey | None], None]) -> None:
                events: Iterator[Any] = self._engine.events({INSTANCE_LABEL: self._instance})
                with contextlib.suppress(RuntimeError):
                    for action, labels in events:
                        if action in ("die", "destroy"):
                            key = FunctionKey(labels.get(FUNCTION_LABEL, ""), labels.get(NAMESPACE_LABEL, ""))
                            loop.call_soon_threadsafe(told, key)
                    loop.call_soon_threadsafe(told, None)

            threading.Thread(target=listen, args=(actions.put_nowait,), daemon=True).start()
            while (key := await actions.get()) is not None:
                function = self._functions.get(key)
                if function is not None:
                    self._in_background(self._reconcile(function))
            await asyncio.sleep(1)
            if not await self._call(self._engine.problem):
                for function in list(self._functions.values()):
                    self._in_background(self._reconcile(function))

    async def _containers(self, function: _Function) -> Sequence[Container]:
        labels = labels_of(function.key, function.version, self._instance)
        found: Sequence[Container] = await self._call(self._engine.find, labels)
        return found

    async def _drain(self, containers: Sequence[Container], limit: float, key: FunctionKey, version: str) -> None:
        await self._stop_all(containers, limit)
        shutil.rmtree(self._folder / "mounted" / key.namespace / f"{key.name}-{version}", ignore_errors=True)

    async def _stop_all(self, containers: Sequence[Container], limit: float) -> None:
        await asyncio.gather(*(self._call(self._engine.stop, each.id, limit) for each in containers))

    async def _remove_version(self, function: _Function) -> None:
        with contextlib.suppress(Unavailable):
            for container in await self._containers(function):
                await self._call(self._engine.stop, container.id, 0)
        shutil.rmtree(self._secret_folder(function), ignore_errors=True)

    def _secret_folder(self, function: _Function) -> Path:
        return self._folder / "mounted" / function.key.namespace / f"{function.key.name}-{function.version}"

    def _write_secrets(self, function: _Function) -> None:
        """Put the function's secrets where its containers see them; the folder above keeps everybody else out."""
        names = list(function.deployed.deployment.secrets)
        if not names:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        folder = self._secret_folder(function)
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in self._secrets.values(names, function.key.namespace).items():
            write_durably(folder / name, value)
            # The function's user is another one than ours.
            (folder / name).chmod(0o444)
        folder.chmod(0o755)

    def _function(self, key: FunctionKey) -> _Function:
        function = self._functions.get(key)
        if function is None:
            raise NotFound(f"there is no function `{key.name}` in namespace `{key.namespace}`")
        return function

    async def _call(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Run something blocking in our own threads: a slow engine must not use up everybody's."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("work in the background failed", exc_info=task.exception())


def _placed(secret: Secret) -> Secret:
    return secret if secret.namespace else msgspec.structs.replace(secret, namespace=DEFAULT_NAMESPACE)


def _instance_name(state_dir: Path) -> str:
    """A name for this state directory that is the same at every start."""
    import hashlib

    return hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:12]
