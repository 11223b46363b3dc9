"""One deployed function while the gateway runs: its present version, its replicas, its log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faas_runtime.core.api import FunctionStatus
from faas_runtime.core.errors import RuntimeFault, Unavailable
from faas_runtime.providers.base import FunctionKey, RouteUpdate
from faas_runtime.providers.common.annotations import auth_rule, call_timeout, is_internal
from faas_runtime.providers.common.logs import FunctionLog
from faas_runtime.providers.common.status import status_of
from faas_runtime.providers.common.store import Deployed
from faas_runtime.providers.process.machine import Machine
from faas_runtime.providers.process.spec import ReplicaSpec, refuse_more_than_one
from faas_runtime.providers.process.supervisor import ReplicaSet, Slot
from faas_runtime.providers.process.usage import UsageMeter

DEFAULT_DRAIN = 60.0
"""Seconds a replica may take to finish its calls when the function names no timeout."""
_DRAIN_MARGIN = 5.0
FIRST_REPLICAS = 50
"""So many of a new version run before it takes the calls; waiting for more of them would double what runs."""


@dataclass(frozen=True, slots=True)
class Version:
    """A deployment and the replicas that run it; `replicas` is None when its image could not be prepared."""

    deployed: Deployed
    replicas: ReplicaSet | None
    problem: str = ""


class Function:
    """A function of this gateway. `lock` is held while it is being changed."""

    def __init__(
        self,
        key: FunctionKey,
        log: FunctionLog,
        folder: Path,
        machine: Machine,
        changed: Callable[[Function], None],
    ) -> None:
        self.key = key
        self.log = log
        self.lock = asyncio.Lock()
        self.version: Version | None = None
        self._folder = folder
        self._machine = machine
        self._changed = changed

    def prepare(self, deployed: Deployed, spec: ReplicaSpec) -> Version:
        """Start replicas of a version that takes no calls yet: all, or the first of very many. Raises Invalid."""
        refuse_more_than_one(spec, deployed.replicas)
        replicas = ReplicaSet(spec, self._folder, self.log, self._machine, self._tell)
        replicas.resize(min(deployed.replicas, FIRST_REPLICAS))
        return Version(deployed, replicas)

    def switch(self, version: Version) -> None:
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
        self.version = Version(deployed, version.replicas)
        self._tell()
        return surplus

    def route(self) -> RouteUpdate:
        """Where its calls go."""
        version = self._present()
        deployment = version.deployed.deployment
        return RouteUpdate(
            key=self.key,
            endpoints=version.replicas.endpoints() if version.replicas else (),
            replicas=version.deployed.replicas,
            timeout=_timeout(version.deployed),
            internal=is_internal(deployment),
            auth=auth_rule(deployment),
        )

    def status(self, meter: UsageMeter) -> FunctionStatus:
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

    def drain_limit(self) -> float:
        """Seconds its running calls may take to come to an end."""
        timeout = _timeout(self._present().deployed)
        return (timeout if timeout is not None else DEFAULT_DRAIN) + _DRAIN_MARGIN

    def _present(self) -> Version:
        assert self.version is not None, "a function is only known once it has a version"
        return self.version

    def _tell(self) -> None:
        # A version that is being prepared, or drains, changes nothing for callers.
        if self.version is not None:
            self._changed(self)


def _timeout(deployed: Deployed) -> float | None:
    try:
        return call_timeout(deployed.deployment)
    except RuntimeFault:  # accepted by an older release
        return None
