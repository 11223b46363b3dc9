"""One deployed function while the gateway runs: what it should be, and its containers that are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from faas_runtime.core.api import FunctionStatus, FunctionUsage
from faas_runtime.providers.base import Endpoint, FunctionKey, RouteUpdate
from faas_runtime.providers.common.annotations import drain_timeout
from faas_runtime.providers.common.status import route_of, status_of
from faas_runtime.providers.common.store import Deployed
from faas_runtime.providers.docker.container import Container


@dataclass(slots=True, eq=False)
class DockerFunction:
    """A function of this gateway. `lock` is held while its containers are being changed."""

    key: FunctionKey
    deployed: Deployed
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ready: dict[str, Container] = field(default_factory=dict)
    ready_since: dict[str, float] = field(default_factory=dict)
    sick: set[str] = field(default_factory=set)
    """Containers whose own health check says that they are not healthy."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its containers may not be what they should be."""
    keeper: asyncio.Task[None] | None = None
    problem: str = ""
    """Why it is not what it should be, in one sentence; empty when all is well."""
    pause: float = 0.0
    log_readers: set[Callable[[Container | None], None]] = field(default_factory=set)
    """Told of every new container, and None at the function's end."""

    def add_ready(self, containers: Iterable[Container], now: float) -> None:
        """These are ready for calls, too."""
        for container in containers:
            self.ready[container.id] = container
            self.ready_since[container.id] = now

    def remove_ready(self, identifiers: Iterable[str]) -> None:
        """These get no new calls."""
        for identifier in identifiers:
            self.ready.pop(identifier, None)
            self.ready_since.pop(identifier, None)
            self.sick.discard(identifier)

    def notify_log_readers(self, container: Container | None) -> None:
        """A container has come, or (None) none will come any more."""
        for tell in list(self.log_readers):
            tell(container)

    def route(self) -> RouteUpdate:
        """Where its calls go."""
        endpoints = (Endpoint(each.name, each.host, each.port) for each in self.ready.values())
        return route_of(self.deployed.deployment, endpoints, self.deployed.replicas)

    def status(self, usage: FunctionUsage | None = None) -> FunctionStatus:
        """As the control room shows it."""
        return status_of(
            self.deployed.deployment,
            replicas=self.deployed.replicas,
            available=len(self.ready),
            created_at=self.deployed.created_at,
            usage=usage,
        )

    def drain_timeout(self) -> float:
        """Seconds its running calls may take to end."""
        return drain_timeout(self.deployed.deployment)
