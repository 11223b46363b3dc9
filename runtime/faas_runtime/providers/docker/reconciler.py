"""Brings the containers of every function to the desired state, and keeps them there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping

from faas_runtime.core.errors import RuntimeFault, Unavailable
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.docker_api import Stream
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.docker.container import Container
from faas_runtime.providers.docker.engine import DockerEngine
from faas_runtime.providers.docker.function import DockerFunction
from faas_runtime.providers.docker.replicas import Replicas, ending
from faas_runtime.providers.docker.spec import FUNCTION_LABEL, INSTANCE_LABEL, NAMESPACE_LABEL

log = logging.getLogger("faas.docker")

MIN_LIFETIME = 10.0
"""Seconds; a container that ends sooner after it was ready is restarted with back-off."""
_MIN_RESTART_DELAY, _MAX_RESTART_DELAY = 0.1, 30.0
_RECONNECT = 1.0

_CLOSE_TIMEOUT = 15.0
"""Seconds for removing ending versions when the gateway stops; an engine that does not answer cannot hold it up."""
_Event = tuple[str, str, FunctionKey]


class Reconciler:
    """Replaces containers that end or are unhealthy, and follows changes of the desired number."""

    def __init__(
        self,
        engine: DockerEngine,
        threads: EngineThreads,
        replicas: Replicas,
        feed: RoutingFeed,
        functions: Mapping[FunctionKey, DockerFunction],
        instance: str,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._replicas = replicas
        self._feed = feed
        self._functions = functions
        self._instance = instance
        self._stream: Stream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.problem = ""
        """Why there are no events from the engine; empty while there are."""

    def manage(self, function: DockerFunction) -> None:
        """Reconcile this function from now on."""
        function.wake.set()
        function.reconciliation = self.spawn(self._reconcile(function))

    def release(self, function: DockerFunction) -> None:
        """Stop reconciling a function that is deleted."""
        if function.reconciliation is not None:
            function.reconciliation.cancel()
        function.notify_log_readers(None)

    def listen(self) -> None:
        """Follow the engine's events from now on."""
        self.spawn(self._listen())

    def stop_later(self, containers: Iterable[Container], grace: float) -> None:
        """Stop containers in the background."""
        self.spawn(self._replicas.stop(list(containers), grace))

    async def close(self) -> None:
        """Stop reconciling; containers keep running, but for those of versions that were ending."""
        if self._stream is not None:
            self._stream.close()
        # A task that is cancelled before its first step never runs, not even its `finally`.
        await asyncio.sleep(0)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT)

    async def adopt(self, containers: Iterable[Container]) -> None:
        """Adopt an earlier gateway's containers that run the present version and are ready; remove the others."""
        of: dict[FunctionKey, list[Container]] = {}
        for container in containers:
            of.setdefault(_key(container.labels), []).append(container)
        await asyncio.gather(*(self._adopt(self._functions.get(key), found) for key, found in of.items()))

    async def _adopt(self, function: DockerFunction | None, containers: list[Container]) -> None:
        kept: list[Container] = []
        if function is not None:
            present = await self._replicas.of(function)
            with contextlib.suppress(RuntimeFault):
                kept = await self._replicas.answering(function, present)
            function.add_ready(kept, 0.0)
        identifiers = {container.id for container in kept}
        await self._replicas.stop([each for each in containers if each.id not in identifiers], 0)

    async def _reconcile(self, function: DockerFunction) -> None:
        while True:
            await function.wake.wait()
            function.wake.clear()
            try:
                async with function.lock:
                    await self._drop_lost(function)
                if function.pause and len(function.ready) < function.deployed.replicas:
                    await asyncio.sleep(function.pause)
                async with function.lock:
                    await self._resize(function)
            except Unavailable as fault:
                # The engine's fault: no back-off, the function is started as soon as the engine answers.
                function.problem = str(fault)
                await asyncio.sleep(_RECONNECT)
                function.wake.set()
            except RuntimeFault as fault:
                self._slow_down(function)
                function.problem = str(fault).splitlines()[0]
                log.warning("%s: %s; trying again in %.1f s", function.key, function.problem, function.pause)
                function.wake.set()

    async def _drop_lost(self, function: DockerFunction) -> None:
        """Remove containers that ended or are unhealthy from the route."""
        found = {each.id: each for each in await self._replicas.of(function)}
        ended = [each for each in function.ready if each not in found or not found[each].running]
        unhealthy = [each for each in function.ready if each in function.unhealthy and each not in ended]
        if not ended and not unhealthy:
            return
        self._log_ended(function, ended, found)
        if unhealthy:
            log.warning("%s: %d replicas fail their health check and are replaced", function.key, len(unhealthy))
        lost = [found[each] for each in (*ended, *unhealthy) if each in found]
        function.remove_ready([*ended, *unhealthy])
        self._feed.publish(function.route())
        await self._feed.acknowledged()
        self.stop_later(lost, function.drain_timeout())

    def _log_ended(self, function: DockerFunction, ended: list[str], found: Mapping[str, Container]) -> None:
        """Log the ends, and slow down restarts of a function whose containers end soon."""
        now = asyncio.get_running_loop().time()
        for identifier in ended:
            function.problem = f"a replica ended ({ending(found.get(identifier))})"
            log.warning("%s: %s", function.key, function.problem)
        if any(now - function.ready_since.get(each, now) < MIN_LIFETIME for each in ended):
            self._slow_down(function)
        else:
            function.pause = 0.0

    @staticmethod
    def _slow_down(function: DockerFunction) -> None:
        function.pause = min(_MAX_RESTART_DELAY, max(_MIN_RESTART_DELAY, function.pause * 2))

    async def _resize(self, function: DockerFunction) -> None:
        """Start or stop containers up to the desired number."""
        missing = function.deployed.replicas - len(function.ready)
        if missing > 0:
            started, fault = await self._replicas.start_some(function, missing)
            function.add_ready(started, asyncio.get_running_loop().time())
            self._feed.publish(function.route())
            if fault is not None:
                raise fault
        elif missing < 0:
            surplus = list(function.ready.values())[missing:]
            function.remove_ready([container.id for container in surplus])
            self._feed.publish(function.route())
            await self._feed.acknowledged()
            self.stop_later(surplus, function.drain_timeout())

    async def _listen(self) -> None:
        """Follow the engine's events, and reconnect when the engine restarts."""
        since = int(time.time())
        while True:
            events: asyncio.Queue[_Event | None] = asyncio.Queue()
            self._start_listening(events.put_nowait, since)
            # Events may have been missed.
            for function in self._functions.values():
                function.wake.set()
            while (event := await events.get()) is not None:
                self.problem = ""
                self._handle(*event)
            since = int(time.time()) - 1
            await self._until_answering()

    async def _until_answering(self) -> None:
        while True:
            await asyncio.sleep(_RECONNECT)
            problem = await self._threads.call_long(self._engine.problem)
            if not problem:
                if self.problem:
                    log.warning("the container engine answers again")
                self.problem = ""
                return
            if not self.problem:
                log.error("the container engine does not answer: %s", problem)
            self.problem = f"the container engine does not answer: {problem}"

    def _start_listening(self, emit: Callable[[_Event | None], None], since: int) -> None:
        loop = asyncio.get_running_loop()

        def listen() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                for action, identifier, labels in self._engine.events(
                    {INSTANCE_LABEL: self._instance}, since, self._opened
                ):
                    loop.call_soon_threadsafe(emit, (action, identifier, _key(labels)))
                loop.call_soon_threadsafe(emit, None)

        threading.Thread(target=listen, name="docker-events", daemon=True).start()

    def _opened(self, stream: Stream) -> None:
        self._stream = stream

    def _handle(self, action: str, identifier: str, key: FunctionKey) -> None:
        function = self._functions.get(key)
        if function is None:
            return
        if action == "health_status: unhealthy" and identifier in function.ready:
            function.unhealthy.add(identifier)
            function.wake.set()
        elif action in ("die", "destroy", "oom"):
            function.wake.set()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run work in the background until it is done, or the gateway stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())


def _key(labels: Mapping[str, str]) -> FunctionKey:
    return FunctionKey(labels.get(FUNCTION_LABEL, ""), labels.get(NAMESPACE_LABEL, ""))
