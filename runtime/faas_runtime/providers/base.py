"""The one protocol every engine implements: local processes, Docker, Swarm, Kubernetes, or a remote provider.

A provider lives as long as the gateway, a `watch()` stream as long as its reader. Only frozen
wire types cross this boundary, never a client library's objects. All methods run in the
gateway's event loop: they must not block it, and they may be called concurrently. They raise
only the faults of `faas_runtime.core.errors`; besides those that a method names, every one may
raise Unavailable. The caller has validated names and namespaces; a provider validates what only
it can know (image, secrets, resources, constraints).
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
    """Identifies a function: the same name in two namespaces is two functions."""

    name: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready replica of a function: the address at which its watchdog accepts HTTP.

    Either `host` and `port`, or `unix`, the path of a socket. `instance` is the
    replica's name in logs; it is unique while the gateway runs. `prefix` is put in front
    of every request path, where the function is behind another server: it begins with a
    slash and does not end with one.
    """

    instance: str
    host: str = ""
    port: int = 0
    unix: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RouteUpdate:
    """The complete routing of one function; it replaces any earlier update.

    `endpoints` are the ready replicas only, without those that start or drain. A replica that
    disappears from the list gets no new call but finishes those it has.
    `replicas` is the desired number: 0 means scaled to zero (the proxy requests a wake-up),
    more than `len(endpoints)` means that some are still starting (the proxy waits).
    `timeout` in seconds limits one call, None means the gateway's default.
    `internal` functions cannot be called from outside the gateway (`com.faas.expose: internal`).
    `auth` is the annotation `com.faas.auth`; empty means that everybody may call the function.
    `canary` is the share of the calls, 0 to 1, for the function's canary; None without one.
    The gateway sets it, providers do not.
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
    """The function was deleted; calls to it are answered 404 from now on."""

    key: FunctionKey


RoutingChange = RouteUpdate | RouteRemoved


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which log lines to read: the last `tail` (None for all) after `since`, of one `instance` (empty for all)."""

    key: FunctionKey
    tail: int | None = None
    follow: bool = False
    since: datetime | None = None
    instance: str = ""


class Provider(Protocol):
    """Runs functions on one platform. `start` is called first and once, `close` last."""

    async def start(self) -> None:
        """Connect to the platform and adopt or restart the functions of an earlier run.

        Returns once the functions are known; they may become ready later. Raises Unavailable, Invalid
        (the platform or its settings cannot be used): the gateway does not start then.
        """

    async def close(self) -> None:
        """Stop watching and release connections. Replicas stop only if they cannot outlive the gateway."""

    async def info(self) -> ProviderInfo:
        """Name, version and orchestration, for `/system/info`."""

    async def health(self) -> dict[str, str]:
        """State of each part by name: `ok`, or one sentence about the problem. Answers within 2 seconds.

        Parts are the platform and every function that has not its desired replicas.
        """

    # Functions.

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name; empty for an unknown namespace."""

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function, with its usage where the platform measures it. Raises NotFound."""

    async def pinned_image(self, key: FunctionKey) -> str:
        """The reference of exactly the image that runs now, empty when unknown. Raises NotFound."""

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a function; returns once its first replica is ready or is known to take longer.

        Raises AlreadyExists, Invalid (unknown image or secret, invalid resources), StartFailed (the
        process ended before it was ready): in each case nothing is left behind. The same holds
        when the call is cancelled.
        """

    async def update(self, deployment: FunctionDeployment) -> None:
        """Replace a function's whole specification without failing a call.

        The new version starts, becomes ready, gets the calls, and the old one drains.
        Raises NotFound, Invalid, StartFailed: in each case the old version stays as it was.
        """

    async def delete(self, key: FunctionKey) -> None:
        """Delete a function and its replicas; running calls may finish. Raises NotFound."""

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Set the desired number of replicas; returns once the platform has accepted it.

        0 stops all of them; their calls may finish. Raises NotFound, Invalid.
        """

    def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines, oldest first; with `follow` until the function is deleted.

        Closing the iterator releases everything. Raises NotFound, Unsupported.
        """

    def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield every change of routing, first the present state of every function; never ends by itself.

        `deploy`, `update` and `delete` return only after every reader has requested the next change,
        that is, after it has applied theirs: the next call sees the new routing. Any number may read.
        """

    # Secrets.

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace; never their values."""

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists, Invalid."""

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value, also for running functions. Raises NotFound, Invalid."""

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Delete a secret. Raises NotFound, Invalid where a function uses it and the platform forbids that."""

    # Namespaces.

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces, the default one first."""

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace with its labels and annotations. Raises NotFound."""

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists, Unsupported."""

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels and annotations. Raises NotFound, Unsupported."""

    async def delete_namespace(self, name: str) -> None:
        """Delete a namespace and the functions in it. Raises NotFound, Invalid for the default one."""
