"""A provider on another machine, spoken to over its REST API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from urllib.parse import quote

import msgspec

from faas_runtime.core.api import (
    DEFAULT_NAMESPACE,
    DeleteFunctionRequest,
    FunctionDeployment,
    FunctionNamespace,
    FunctionStatus,
    LogMessage,
    ProviderInfo,
    ScaleRequest,
    Secret,
)
from faas_runtime.core.errors import Invalid, NotFound, RuntimeFault, Unavailable, Unsupported
from faas_runtime.core.http import Address
from faas_runtime.providers.base import FunctionKey, LogQuery, RouteUpdate, RoutingChange
from faas_runtime.providers.common.feed import RoutingFeed
from faas_runtime.providers.remote.client import ProviderClient, WrongCredentials
from faas_runtime.providers.remote.routes import changes, route_of
from faas_runtime.providers.remote.wire import AnyStatus, RouteStatus, log_messages

log = logging.getLogger("faas.remote")

POLL = 2.0
"""Seconds between two polls of the provider's list of functions."""
POLL_STARTING = 0.2
"""The same while a function has replicas that are not available yet: calls may be waiting for them."""
_SLOWER = 1.2
"""Back-off of that pause while nothing changes, for functions that never become available."""
READ_TIMEOUT = 10.0
"""Timeout in seconds of reading requests."""
CHANGE_TIMEOUT = 90.0
"""Timeout in seconds of changes: our own provider waits until a function is ready."""

# Inside the class below, `list` is a method.
_Listed = list[RouteStatus]
_Changes = list[RoutingChange]


class RemoteProvider:
    """A provider somewhere else, such as one for Kubernetes. `logs_url` is for logs kept by another service."""

    def __init__(self, url: str, user: str, password: str, logs_url: str = "") -> None:
        try:
            self._client = ProviderClient(Address.of(url), user, password)
            self._logs = ProviderClient(Address.of(logs_url), user, password) if logs_url else self._client
        except ValueError as err:
            raise Invalid(f"the provider's address {err}") from None
        self._feed = RoutingFeed()
        self._routes: dict[FunctionKey, RouteUpdate] = {}
        self._listed: dict[str, _Listed] = {}
        self._refreshing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._problem = ""
        self._pause = POLL
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Read the provider's functions. Raises Unavailable if it refuses the credentials.

        A provider that does not answer yet is polled in the background: it may be starting as well.
        """
        try:
            await self._refresh()
        except WrongCredentials as fault:
            hint = "name the folder of its basic-auth-user and basic-auth-password with `--provider-secrets-dir`"
            raise Unavailable(f"{fault}; {hint}") from None
        except RuntimeFault as fault:
            self._failed(fault)
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop polling; the functions keep running."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def info(self) -> ProviderInfo:
        """The provider's own `/system/info`."""
        return await self._client.read("/system/info", {}, ProviderInfo, READ_TIMEOUT)

    async def health(self) -> dict[str, str]:
        """Whether the provider's list of functions is known."""
        return {"remote": self._problem or "ok"}

    # Functions.

    async def list(self, namespace: str) -> Sequence[FunctionStatus]:
        """All functions of a namespace, sorted by name."""
        found = await self._client.read("/system/functions", {"namespace": namespace}, list[AnyStatus], READ_TIMEOUT)
        return sorted((each.complete(namespace) for each in found), key=lambda status: status.name)

    async def get(self, key: FunctionKey) -> FunctionStatus:
        """One function. Raises NotFound."""
        query = {"namespace": key.namespace, "usage": "1"}
        found = await self._client.read(f"/system/function/{quote(key.name)}", query, AnyStatus, READ_TIMEOUT)
        return found.complete(key.namespace)

    async def deploy(self, deployment: FunctionDeployment) -> None:
        """Create a function; the provider decides when it counts as ready."""
        await self._change("POST", "/system/functions", deployment, deployment.namespace)

    async def update(self, deployment: FunctionDeployment) -> None:
        """Replace a function's whole specification. Raises NotFound."""
        await self._change("PUT", "/system/functions", deployment, deployment.namespace)

    async def delete(self, key: FunctionKey) -> None:
        """Remove a function. Raises NotFound."""
        body = DeleteFunctionRequest(function_name=key.name, namespace=key.namespace)
        await self._change("DELETE", "/system/functions", body, key.namespace)

    async def scale(self, key: FunctionKey, replicas: int) -> None:
        """Set the desired number of replicas. Raises NotFound."""
        body = ScaleRequest(service_name=key.name, replicas=replicas, namespace=key.namespace)
        await self._change("POST", f"/system/scale-function/{quote(key.name)}", body, key.namespace)

    async def logs(self, query: LogQuery) -> AsyncIterator[LogMessage]:
        """Yield log lines, oldest first. Raises NotFound, Unsupported where the provider keeps none."""
        values = {"name": query.key.name, "namespace": query.key.namespace, "follow": str(query.follow).lower()}
        if query.tail is not None:
            values["tail"] = str(query.tail)
        if query.since is not None:
            values["since"] = query.since.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if query.instance:
            values["instance"] = query.instance
        try:
            async with self._logs.stream("/system/logs", values, READ_TIMEOUT) as chunks:
                async for message in log_messages(chunks, query.key):
                    yield message
        except NotFound:
            await self.get(query.key)  # raises NotFound if the function is missing
            raise Unsupported(f"the provider at `{self._logs.address}` keeps no logs") from None

    async def watch(self) -> AsyncIterator[RoutingChange]:
        """Yield every change of routing, beginning with the present state of every function."""
        async for change in self._feed.read(list(self._routes.values())):
            yield change

    async def pinned_image(self, key: FunctionKey) -> str:
        """Empty: the REST API does not have it."""
        return ""

    # Secrets.

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace."""
        found = await self._client.read("/system/secrets", {"namespace": namespace}, list[Secret], READ_TIMEOUT)
        return [Secret(name=secret.name, namespace=secret.namespace or namespace) for secret in found]

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists."""
        await self._client.change("POST", "/system/secrets", secret, CHANGE_TIMEOUT, secret.namespace)

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value. Raises NotFound."""
        await self._client.change("PUT", "/system/secrets", secret, CHANGE_TIMEOUT, secret.namespace)

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Delete a secret. Raises NotFound."""
        body = Secret(name=name, namespace=namespace)
        await self._client.change("DELETE", "/system/secrets", body, CHANGE_TIMEOUT, namespace)

    # Namespaces.

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces; only the default one where the provider has none."""
        try:
            found = await self._client.read("/system/namespaces", {}, list[str], READ_TIMEOUT)
        except (NotFound, Unsupported):
            found = []
        return list(dict.fromkeys(found)) or [DEFAULT_NAMESPACE]

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace with its labels. Raises NotFound."""
        return await self._client.read(_namespace(name), {}, FunctionNamespace, READ_TIMEOUT)

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        await self._change("POST", _namespace(namespace.name), namespace)

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        await self._change("PUT", _namespace(namespace.name), namespace)

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace and the functions in it. Raises NotFound."""
        await self._change("DELETE", _namespace(name), FunctionNamespace(name=name))

    # Routing.

    async def _change(self, method: str, path: str, value: msgspec.Struct, namespace: str = "") -> None:
        """Send a change; when this returns, the proxy has applied it."""
        await self._client.change(method, path, value, CHANGE_TIMEOUT, namespace)
        try:
            await self._refresh()
        except RuntimeFault as fault:
            self._failed(fault)  # the change is done; the next poll updates the routes
        self._changed.set()
        await self._feed.acknowledged()

    async def _follow(self) -> None:
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(self._pause):
                    await self._changed.wait()
                continue  # a poll was made meanwhile; the next pause may be shorter
            except TimeoutError:
                pass
            try:
                await self._refresh()
            except RuntimeFault as fault:
                self._failed(fault)

    async def _refresh(self) -> None:
        """Poll the provider. One at a time: an older list must not replace a newer one."""
        async with self._refreshing:
            listed: dict[str, _Listed] = {}
            for namespace in await self.list_namespaces():
                query = {"namespace": namespace}
                listed[namespace] = await self._client.read("/system/functions", query, list[RouteStatus], READ_TIMEOUT)
            # Usually nothing has changed, and comparing is much cheaper than making ten thousand routes.
            changed = self._apply(listed) if listed != self._listed else []
            starting = any(route.replicas and not route.endpoints for route in self._routes.values())
            self._pause = min(POLL_STARTING if changed else self._pause * _SLOWER, POLL) if starting else POLL
            if self._problem:
                log.info("the provider at %s answers again", self._client.address)
            self._problem = ""

    def _apply(self, listed: dict[str, _Listed]) -> _Changes:
        self._listed = listed
        routes = [
            route_of(status, namespace, self._client.address) for namespace, found in listed.items() for status in found
        ]
        known, self._routes = self._routes, {route.key: route for route in routes}
        found = changes(known, self._routes)
        for change in found:
            self._feed.publish(change)
        return found

    def _failed(self, fault: RuntimeFault) -> None:
        # Routes stay: calls go through the provider, which may recover before the next poll.
        if not self._problem:
            log.warning("using the last known functions: %s", fault)
        self._problem = str(fault)
        self._pause = POLL


def _namespace(name: str) -> str:
    return f"/system/namespace/{quote(name, safe='')}"
