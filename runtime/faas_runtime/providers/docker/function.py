"""One deployed function while the gateway runs: its desired state, and its ready containers."""

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
    unhealthy: set[str] = field(default_factory=set)
    """Containers whose own health check fails."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its containers may differ from the desired state."""
    reconciliation: asyncio.Task[None] | None = None
    problem: str = ""
    """Why it is not in the desired state, in one sentence; empty when it is."""
    pause: float = 0.0
    log_readers: set[Callable[[Container | None], None]] = field(default_factory=set)
    """Called with every new container, and with None when the function is deleted."""

    def add_ready(self, containers: Iterable[Container], now: float) -> None:
        """Add containers that are ready for calls."""
        for container in containers:
            self.ready[container.id] = container
            self.ready_since[container.id] = now

    def remove_ready(self, identifiers: Iterable[str]) -> None:
        """Remove containers: they get no new calls."""
        for identifier in identifiers:
            self.ready.pop(identifier, None)
            self.ready_since.pop(identifier, None)
            self.unhealthy.discard(identifier)

    def notify_log_readers(self, container: Container | None) -> None:
        """Report a new container, or with None that there will be no more."""
        for notify in list(self.log_readers):
            notify(container)

    def route(self) -> RouteUpdate:
        """Where its calls go."""
        endpoints = (Endpoint(each.name, each.host, each.port) for each in self.ready.values())
        return route_of(self.deployed.deployment, endpoints, self.deployed.replicas)

    def status(self, usage: FunctionUsage | None = None) -> FunctionStatus:
        """Its status, for the control API."""
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
