"""One deployed function while the gateway runs: its present version, its replicas, its log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from faas_runtime.core.api import FunctionStatus
from faas_runtime.core.errors import Unavailable
from faas_runtime.providers.base import FunctionKey, RouteUpdate
from faas_runtime.providers.common.annotations import drain_timeout
from faas_runtime.providers.common.logs import FunctionLog
from faas_runtime.providers.common.status import route_of, status_of
from faas_runtime.providers.common.store import Deployed
from faas_runtime.providers.process.places import Places
from faas_runtime.providers.process.processes import Machine
from faas_runtime.providers.process.spec import ReplicaSpec, refuse_more_than_one
from faas_runtime.providers.process.supervisor import ReplicaSet, Slot
from faas_runtime.providers.process.usage import ProcessUsageMeter

FIRST_REPLICAS = 50
"""How many replicas of a new version must be ready before it gets calls; waiting for all would double the load."""


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """A deployment and the replicas that run it; `replicas` is None when its image could not be prepared."""

    deployed: Deployed
    replicas: ReplicaSet | None
    problem: str = ""


class ProcessFunction:
    """A function of this gateway. `lock` is held while it is being changed."""

    def __init__(
        self,
        key: FunctionKey,
        log: FunctionLog,
        places: Places,
        machine: Machine,
        changed: Callable[[ProcessFunction], None],
    ) -> None:
        self.key = key
        self.log = log
        self.lock = asyncio.Lock()
        self.version: RunningVersion | None = None
        self._places = places
        self._machine = machine
        self._changed = changed

    def prepare(self, deployed: Deployed, spec: ReplicaSpec) -> RunningVersion:
        """Start replicas of a version that gets no calls yet: all, or the first `FIRST_REPLICAS`. Raises Invalid."""
        refuse_more_than_one(spec, deployed.replicas)
        replicas = ReplicaSet(spec, self._places, self.log, self._machine, self._notify)
        replicas.resize(min(deployed.replicas, FIRST_REPLICAS))
        return RunningVersion(deployed, replicas)

    def switch(self, version: RunningVersion) -> None:
        """Route calls to a version from now on, and start its missing replicas."""
        self.version = version
        if version.replicas is not None:
            version.replicas.resize(version.deployed.replicas)
        self._notify()

    def resize(self, deployed: Deployed) -> list[Slot]:
        """Change the number of replicas; returns those to be stopped. Raises Invalid, Unavailable."""
        version = self._present()
        if version.replicas is None:
            raise Unavailable(f"`{self.key.name}` cannot run: {version.problem}")
        refuse_more_than_one(version.replicas.spec, deployed.replicas)
        surplus = version.replicas.resize(deployed.replicas)
        self.version = RunningVersion(deployed, version.replicas)
        self._notify()
        return surplus

    def route(self) -> RouteUpdate:
        """Where its calls go."""
        version = self._present()
        endpoints = version.replicas.endpoints() if version.replicas else ()
        return route_of(version.deployed.deployment, endpoints, version.deployed.replicas)

    def status(self, meter: ProcessUsageMeter) -> FunctionStatus:
        """Its status, for the control API."""
        version = self._present()
        deployed = version.deployed
        return status_of(
            deployed.deployment,
            replicas=deployed.replicas,
            available=len(version.replicas.endpoints()) if version.replicas else 0,
            created_at=deployed.created_at,
            usage=meter.of(version.replicas.pids()) if version.replicas else None,
            isolation=version.replicas.spec.isolation.as_wire() if version.replicas else None,
        )

    def drain_timeout(self) -> float:
        """Seconds its running calls may take to end."""
        return drain_timeout(self._present().deployed.deployment)

    def _present(self) -> RunningVersion:
        assert self.version is not None, "a function is only known once it has a version"
        return self.version

    def _notify(self) -> None:
        # A version that starts or drains does not change the route.
        if self.version is not None:
            self._changed(self)
