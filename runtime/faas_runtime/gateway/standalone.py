"""A provider served alone: the REST API of its engine and the way to its functions, for a gateway elsewhere.

What a gateway adds on top is not here: no queue, no schedules, no scaling, no versions.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os

from faas_runtime import __version__
from faas_runtime.core.configuration import Configuration
from faas_runtime.core.files import write_file
from faas_runtime.gateway.app import stop_on_signals
from faas_runtime.gateway.auth.accounts import USER_FILE, account_of
from faas_runtime.gateway.background import Loops
from faas_runtime.gateway.control import ControlRoom, create_app
from faas_runtime.gateway.control.app import ROUTES
from faas_runtime.gateway.control.app import Endpoint as EndpointFunction
from faas_runtime.gateway.control.asgi import AsgiServer
from faas_runtime.gateway.control.info import provider_info
from faas_runtime.gateway.control.status_cache import Catalogue
from faas_runtime.gateway.listeners.bind import PrivateSocket, listen
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, proxy_settings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.limits import limits_of
from faas_runtime.gateway.state import USER, Running, StateDir
from faas_runtime.providers.base import Endpoint, FunctionKey, Provider, RouteUpdate
from faas_runtime.providers.common.logs import now_rfc3339

log = logging.getLogger("faas.provider")

_PATHS = (
    "/healthz",
    "/system/functions",
    "/system/function/{name}",
    "/system/scale-function/{name}",
    "/system/logs",
    "/system/secrets",
    "/system/namespaces",
    "/system/namespace/{name:any}",
)
PROVIDER_ROUTES: dict[str, dict[str, EndpointFunction]] = {
    **{path: ROUTES[path] for path in _PATHS},
    "/system/info": {"GET": provider_info},
}
"""The paths of the provider API."""


class ProviderServer:
    """Everything that lives as long as a provider served alone. The state directory is held by the caller."""

    def __init__(self, configuration: Configuration, state: StateDir, provider: Provider) -> None:
        self._configuration = configuration
        self._settings = configuration.settings()
        self._state = state
        self._provider = provider
        self._routes = RoutingTable()
        self._metrics = InvocationMetrics()
        self._loops = Loops()
        self._control: AsgiServer | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises PortInUse, RuntimeFault, OSError."""
        async with contextlib.AsyncExitStack() as closing:
            await self._start(closing)
            await stop.wait()
            log.info("stopping")
        log.info("stopped")

    async def _start(self, closing: contextlib.AsyncExitStack) -> None:
        settings = self._settings
        front = listen(settings.host, settings.port, "--port")
        closing.callback(front.close)
        private = PrivateSocket(settings.state_dir, "control.sock")
        closing.callback(private.close)
        accounts = [account_of(settings, self._state)] if settings.auth else []
        closing.push_async_callback(self._provider.close)
        await self._provider.start()
        closing.push_async_callback(self._loops.stop)
        self._loops.start("routing", self._follow_routes)
        # A function that is deployed is never unknown, not even to the first call.
        catalogue = Catalogue(self._provider, self._routes)
        await catalogue.refresh()
        await catalogue.until_routed()
        room = ControlRoom(self._provider, self._routes, self._metrics, loops=self._problems)
        self._control = AsgiServer(create_app(room, accounts, PROVIDER_ROUTES), private.socket)
        closing.push_async_callback(self._control.stop)
        self._control.start()
        proxy = self._proxy(Endpoint("control", unix=str(private.path)))
        closing.push_async_callback(proxy.stop, settings.stop_timeout)
        await proxy.start([front])
        self._announce(proxy.addresses()[0])

    def _proxy(self, control: Endpoint) -> Proxy:
        settings = dataclasses.replace(proxy_settings(self._settings), served_by=f"faas-provider/{__version__}")
        return Proxy(self._routes, control, settings, self._metrics, self._wake)

    async def _wake(self, key: FunctionKey) -> None:
        status = await self._provider.get(key)
        await self._provider.scale(key, limits_of(status.labels).minimum)

    async def _follow_routes(self) -> None:
        async for change in self._provider.watch():
            if isinstance(change, RouteUpdate):
                # Who calls from outside is for the gateway to judge: here every call comes from one.
                change = dataclasses.replace(change, internal=False, auth="")
            self._routes.apply(change)

    def _problems(self) -> dict[str, str]:
        states = {**self._loops.states(), "control": self._control.problem() if self._control else ""}
        return {name: problem for name, problem in states.items() if problem}

    def _announce(self, url: str) -> None:
        log.info("listening on %s", url)
        if self._settings.auth and self._settings.secrets_dir is None:
            # Now the folder holds both, and a gateway on this machine can be pointed to it.
            write_file(self._settings.state_dir / USER_FILE, f"{USER}\n", durable=False)
        self._state.announce(
            Running(
                pid=os.getpid(),
                url=url,
                auth=self._settings.auth,
                engine=self._settings.engine,
                started_at=now_rfc3339(),
                settings=self._configuration.report(),
            )
        )


async def provide(configuration: Configuration, state: StateDir, provider: Provider) -> None:
    """Serve a provider until SIGTERM or SIGINT. Raises PortInUse, RuntimeFault, OSError."""
    await ProviderServer(configuration, state, provider).run(stop_on_signals())
