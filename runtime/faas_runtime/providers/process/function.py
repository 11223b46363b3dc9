"""One deployed function while the gateway runs: its present version, its replicas, its log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faas_runtime.core.api import FunctionStatus
from faas_runtime.core.errors import Unavailable
from faas_runtime.providers.base import FunctionKey, RouteUpdate
from faas_runtime.providers.common.annotations import drain_timeout
from faas_runtime.providers.common.logs import FunctionLog
from faas_runtime.providers.common.status import route_of, status_of
from faas_runtime.providers.common.store import Deployed
from faas_runtime.providers.process.processes import Machine
from faas_runtime.providers.process.spec import ReplicaSpec, refuse_more_than_one
from faas_runtime.providers.process.supervisor import ReplicaSet, Slot
from faas_runtime.providers.process.usage import ProcessUsageMeter

FIRST_REPLICAS = 50
"""So many of a new version run before it takes the calls; waiting for more of them would double what runs."""


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
        folder: Path,
        machine: Machine,
        changed: Callable[[ProcessFunction], None],
    ) -> None:
        self.key = key
        self.log = log
        self.lock = asyncio.Lock()
        self.version: RunningVersion | None = None
        self._folder = folder
        self._machine = machine
        self._changed = changed

    def prepare(self, deployed: Deployed, spec: ReplicaSpec) -> RunningVersion:
        """Start replicas of a version that takes no calls yet: all, or the first of very many. Raises Invalid."""
        refuse_more_than_one(spec, deployed.replicas)
        replicas = ReplicaSet(spec, self._folder, self.log, self._machine, self._tell)
        replicas.resize(min(deployed.replicas, FIRST_REPLICAS))
        return RunningVersion(deployed, replicas)

    def switch(self, version: RunningVersion) -> None:
        """Let a version take the calls from now on, and start the replicas it lacks."""
        self.version = version
        if version.replicas is not None:
            version.replicas.resize(version.deployed.replicas)
        self._tell()

    def resize(self, deployed: Deployed) -> list[Slot]:
        """Change the number of replicas; returns those to be stopped. Raises Invalid, Unavailable."""
        version = self._present()
        if version.replicas is None:
            raise Unavailable(f"`{self.key.name}` cannot run: {version.problem}")
        refuse_more_than_one(version.replicas.spec, deployed.replicas)
        surplus = version.replicas.resize(deployed.replicas)
        self.version = RunningVersion(deployed, version.replicas)
        self._tell()
        return surplus

    def route(self) -> RouteUpdate:
        """Where its calls go."""
        version = self._present()
        endpoints = version.replicas.endpoints() if version.replicas else ()
        return route_of(version.deployed.deployment, endpoints, version.deployed.replicas)

    def status(self, meter: ProcessUsageMeter) -> FunctionStatus:
        """As the control room shows it."""
        version = self._present()
        deployed = version.deployed
        return status_of(
            deployed.deployment,
            replicas=deployed.replicas,
            available=len(version.replicas.endpoints()) if version.replicas else 0,
            created_at=deployed.created_at,
            usage=meter.of(version.replicas.pids()) if version.replicas else None,
        )

    def drain_timeout(self) -> float:
        """Seconds its running calls may take to come to an end."""
        return drain_timeout(self._present().deployed.deployment)

    def _present(self) -> RunningVersion:
        assert self.version is not None, "a function is only known once it has a version"
        return self.version

    def _tell(self) -> None:
        # A version that is being prepared, or drains, changes nothing for callers.
        if self.version is not None:
            self._changed(self)
