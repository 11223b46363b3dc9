"""Polls a Swarm: which tasks run where and which are ready, and publishes the routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteRemoved, RouteUpdate
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.common.readiness import ProbeTarget, accepted_probe, is_ready
from faas_runtime.providers.common.status import route_of, unknown_function
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.swarm.engine import SwarmEngine
from faas_runtime.providers.swarm.objects import Service, Snapshot, Task
from faas_runtime.providers.swarm.routes import endpoint_of, serving

log = logging.getLogger("faas.swarm")

INTERVAL = 0.4
"""Seconds between two polls: a Swarm has no events for tasks. The watchdog's drain window is much longer."""
_CONNECT_TIMEOUT = 1.0
_PROBE_WAIT = 0.2
_FAILURES = 2
"""Polls in a row without a reachable task on a node, after which its tasks get no more calls.

The managers need 15 s to detect a lost node.
"""


class Watcher:
    """Holds the latest snapshot, and the routes that follow from it."""

    def __init__(self, engine: SwarmEngine, threads: EngineThreads, feed: RoutingFeed) -> None:
        self._engine, self._threads, self._feed = engine, threads, feed
        self.inside = False
        self.snapshot = Snapshot({}, {}, {})
        self.problem = ""
        """Why the last poll failed; empty when it did not."""
        self._routes: dict[FunctionKey, RouteUpdate] = {}
        self._answered: set[str] = set()
        self._probes: dict[str, asyncio.Task[None]] = {}
        """The probes of running tasks that are not ready yet."""
        self._unreachable: dict[str, int] = {}
        self._withdrawn: set[str] = set()
        self._refreshing = asyncio.Lock()

    def routes(self) -> list[RouteUpdate]:
        """The route of every function."""
        return list(self._routes.values())

    def available(self, service: Service) -> int:
        """How many of its replicas are ready."""
        route = self._routes.get(service.key)
        return len(route.endpoints) if route is not None else 0

    def service(self, key: FunctionKey) -> Service:
        """A function's service. Raises NotFound."""
        service = self.snapshot.services.get(key)
        if service is None:
            raise unknown_function(key)
        return service

    async def fresh(self, key: FunctionKey) -> Service:
        """A function's service as it is now. Raises NotFound, Unavailable."""
        await self.refresh()
        return self.service(key)

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.refresh()
                self.problem = ""
            except RuntimeFault as fault:
                if not self.problem:
                    log.error("%s", fault)
                self.problem = str(fault)

    async def close(self) -> None:
        """Stop probing."""
        probes = list(self._probes.values())
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)

    async def refresh(self) -> None:
        """Poll once, and publish what has changed. Raises Unavailable."""
        async with self._refreshing:
            snapshot = await self._threads.call_long(self._engine.snapshot)
            running = [task for service in snapshot.services.values() for task in serving(service, snapshot)]
            await self._probe_nodes(snapshot, running)
            await self._probe_new(snapshot, running)
            self.snapshot = snapshot
            self._publish(snapshot)

    def withdraw(self, service: Service) -> None:
        """Remove the route of a service that is about to be removed."""
        self._withdrawn.add(service.id)
        if self._routes.pop(service.key, None) is not None:
            self._feed.publish(RouteRemoved(service.key))

    def _publish(self, snapshot: Snapshot) -> None:
        self._withdrawn &= {service.id for service in snapshot.services.values()}
        present = {key: each for key, each in snapshot.services.items() if each.id not in self._withdrawn}
        for key in [key for key in self._routes if key not in present]:
            del self._routes[key]
            self._feed.publish(RouteRemoved(key))
        for key, service in present.items():
            route = route_of(service.deployment, self._endpoints(service, snapshot), service.replicas)
            if self._routes.get(key) != route:
                self._routes[key] = route
                self._feed.publish(route)

    def _endpoints(self, service: Service, snapshot: Snapshot) -> Iterable[Endpoint]:
        for task in serving(service, snapshot):
            if task.id in self._answered and self._unreachable.get(task.node, 0) < _FAILURES:
                endpoint = self._endpoint(task, snapshot)
                if endpoint is not None:
                    yield endpoint

    def _endpoint(self, task: Task, snapshot: Snapshot) -> Endpoint | None:
        return endpoint_of(task, snapshot.nodes.get(task.node), inside=self.inside)

    async def _probe_new(self, snapshot: Snapshot, running: list[Task]) -> None:
        """Probe tasks that have not been ready before: without a health check in the image, `running` means little."""
        present = {task.id for task in running}
        self._answered &= present
        for gone in self._probes.keys() - present:
            self._probes.pop(gone).cancel()
        services = {service.id: service for service in snapshot.services.values()}
        begun = []
        for task in running:
            endpoint, service = self._endpoint(task, snapshot), services.get(task.service)
            if endpoint and service and task.id not in self._answered and task.id not in self._probes:
                self._probes[task.id] = asyncio.create_task(self._until_ready(task, endpoint, service))
                begun.append(self._probes[task.id])
        if begun:
            # Most are ready at once; a slow function must not delay the routes of the others.
            await asyncio.wait(begun, timeout=_PROBE_WAIT)

    async def _until_ready(self, task: Task, endpoint: Endpoint, service: Service) -> None:
        """Probe a task until it is ready, and add it to its route."""
        loop = asyncio.get_running_loop()
        seen, image = loop.time(), await self._environment(task)
        probe = accepted_probe(service.deployment, image)
        # A gateway inside the network is in a container: its process numbers are others.
        pid = task.pid if task.node == self._engine.node and not self.inside else 0
        while True:
            if await is_ready(ProbeTarget(endpoint.host, endpoint.port, loop.time() - seen, pid), probe):
                break
            await asyncio.sleep(probe.period)
        self._answered.add(task.id)
        self._probes.pop(task.id, None)
        self._publish(self.snapshot)

    async def _environment(self, task: Task) -> Mapping[str, str] | None:
        """A task's environment with its image's; None on other nodes, whose engines the gateway does not know."""
        if task.node != self._engine.node or not task.container:
            return None
        try:
            return await self._threads.call(self._engine.environment, task.container)
        except RuntimeFault:
            return None

    async def _probe_nodes(self, snapshot: Snapshot, running: list[Task]) -> None:
        """Test whether each node can be reached, with at most two of its tasks."""
        of: dict[str, list[Endpoint]] = {}
        for task in running:
            if task.id in self._answered and (endpoint := self._endpoint(task, snapshot)) is not None:
                of.setdefault(task.node, []).append(endpoint)
        nodes = list(of)
        answers = await asyncio.gather(*(_reachable(of[node][:2]) for node in nodes))
        self._unreachable = {
            node: 0 if answers[number] else self._unreachable.get(node, 0) + 1 for number, node in enumerate(nodes)
        }
        for node, count in self._unreachable.items():
            if count == _FAILURES:
                log.warning("node %s cannot be reached", snapshot.nodes[node].name)


async def _reachable(endpoints: list[Endpoint]) -> bool:
    """Whether one of the endpoints accepts, or at least refuses, a connection."""
    answers = await asyncio.gather(*(_connects(each) for each in endpoints))
    return any(answers)


async def _connects(endpoint: Endpoint) -> bool:
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
