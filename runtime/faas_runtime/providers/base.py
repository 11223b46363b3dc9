"""The one protocol every engine implements: local processes, Docker, Swarm, Kubernetes, or a remote provider.

Two lifetimes: a provider lives as long as the gateway; a `watch()` stream as long as
its reader. Frozen wire types cross this boundary, never a client library's objects.
Every method raises only the faults of `faas_runtime.core.errors`. Names and namespaces have
been validated by the caller; a provider validates what only it can know (image, secrets,
resources, constraints).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from faas_runtime.core.api import (
    FunctionDeployment,
    FunctionNamespace,
    FunctionStatus,
    LogMessage,
    ProviderInfo,
    Secret,
)


class FunctionKey(NamedTuple):
    """What identifies a function: the same name in two namespaces is two functions."""

    name: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready replica of a function: where its watchdog accepts HTTP.

    Either `host` and `port`, or `unix`, the path of a socket. `instance` is the
    replica's name in logs; it is unique as long as the gateway runs. `prefix` stands in
    front of every path it is asked for, where something else stands in front of the
    function: it begins with a slash and does not end with one.
    """

    instance: str
    host: str = ""
    port: int = 0
    unix: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RouteUpdate:
    """The whole present truth about one function's routing; it replaces what was known before.

    `endpoints` are the ready replicas only: one that drains or starts is not among them,
    and one that disappears from the list gets no new call but finishes those it has.
    `replicas` is the number desired: 0 means scaled to zero (the proxy asks for a wake-up),
    more than `len(endpoints)` means that some are still starting (the proxy waits).
    `timeout` in seconds limits one call, None means the gateway's default.
    `internal` functions are not callable from outside the gateway (`expose: internal`).
    `auth` says who may call it (the annotation `com.faas.auth` as it is); empty means everybody.
    `canary` is the share of the calls, 0 to 1, that go to the function's canary; None where it has none.
    Only the gateway knows: providers leave it alone.
    """

    key: FunctionKey
    endpoints: tuple[Endpoint, ...]
    replicas: int
    timeout: float | None = None
    internal: bool = False
    auth: str = ""
    canary: float | None = None


@dataclass(frozen=True, slots=True)
class RouteRemoved:
    """The function is gone; calls to it answer 404 from now on."""

    key: FunctionKey


RoutingChange = RouteUpdate | RouteRemoved


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which log lines are wanted. `tail` None means all; `instance` empty means every replica."""

    key: FunctionKey
    tail: int | None = None
    follow: bool = False
    since: datetime | None = None
    instance: str = ""


class Provider(Protocol):
    """Runs functions somewhere."""

    async def start(self) -> None:
        """Connect to the platform and take up what an earlier run left: functions come back by themselves."""

    async def close(self) -> None:
        """Stop watching and release connections. Replicas stop only where they cannot outlive the gateway."""

    async def info(self) -> ProviderInfo:
        """Name, version and orchestration, for `/system/info`."""

    async def health(self) -> dict[str, str]:
        """State of every background loop by name: `ok`, or one sentence saying what is wrong."""

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function. Raises NotFound."""

    async def pinned_image(self, key: FunctionKey) -> str:
        """The reference that names exactly the image which runs now, empty when unknown. Raises NotFound."""

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a function; return once its first replica is ready or is known to take longer.

        Raises AlreadyExists, Invalid (unknown image or secret, bad resources), StartFailed (the
        process ended before it was ready): in each case nothing is left behind.
        """

    async def update(self, deployment: FunctionDeployment) -> None:
        """Replace a function's whole specification without failing a call.

        The new version comes up, becomes ready, takes the traffic, and the old one drains.
        Raises NotFound, Invalid, StartFailed: in each case the old version goes on as it was.
        """

    async def delete(self, key: FunctionKey) -> None:
        """Remove a function and its replicas; running calls may finish. Raises NotFound."""

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Ask for this many replicas; return once the platform has accepted it. Raises NotFound."""

    def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines, oldest first. Closing the iterator releases everything. Raises NotFound."""

    def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield every change of routing, beginning with the present state of every function."""

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace; never their values."""

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists."""

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value. Raises NotFound."""

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Forget a secret. Raises NotFound."""

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces, the default one first."""

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace with its labels. Raises NotFound."""

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists, Unsupported."""

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound, Unsupported."""

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace and the functions in it. Raises NotFound, Invalid for the default one."""
