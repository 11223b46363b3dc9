"""A gateway, or a standalone provider, assembled from its parts. `run.py` starts and stops them."""

from __future__ import annotations

import dataclasses

from starlette.types import ASGIApp

from faas_runtime import __version__
from faas_runtime.core.configuration import ResolvedSettings
from faas_runtime.core.files import use_reserve
from faas_runtime.core.reserve import Reserve
from faas_runtime.gateway.auth.accounts import account_of
from faas_runtime.gateway.auth.function_auth import guard_of
from faas_runtime.gateway.background import Loops
from faas_runtime.gateway.control.app import ROUTES, Handler, create_app
from faas_runtime.gateway.control.info import provider_info
from faas_runtime.gateway.control.plane import ControlPlane
from faas_runtime.gateway.control.requests import Services
from faas_runtime.gateway.control.status_cache import StatusCache
from faas_runtime.gateway.listeners.tls import certificate_of
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.proxy import Proxy, proxy_settings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.limits import limits_of
from faas_runtime.gateway.state import StateDir
from faas_runtime.gateway.workers.pool import WorkerPool
from faas_runtime.providers.base import Endpoint, FunctionKey, Provider, RouteUpdate

_PROVIDER_PATHS = (
    "/healthz",
    "/system/functions",
    "/system/function/{name}",
    "/system/scale-function/{name}",
    "/system/logs",
    "/system/secrets",
    "/system/namespaces",
    "/system/namespace/{name:any}",
)
PROVIDER_ROUTES: dict[str, dict[str, Handler]] = {
    **{path: ROUTES[path] for path in _PROVIDER_PATHS},
    "/system/info": {"GET": provider_info},
}
"""The paths of the provider API."""


class GatewayApp:
    """The parts of a gateway that live as long as its process."""

    def __init__(self, configuration: ResolvedSettings, state: StateDir, provider: Provider) -> None:
        """The caller holds the state directory. Raises Invalid for a certificate or an account that is unusable."""
        self.configuration = configuration
        self.settings = settings = configuration.settings()
        self.state = state
        self.provider = provider
        self.reserve = Reserve(settings.state_dir, settings.min_free_bytes)
        use_reserve(self.reserve.release)
        self.certificate = certificate_of(settings)
        self.guard = guard_of(settings, state)
        self.routes = RoutingTable()
        self.metrics = InvocationMetrics()
        self.statuses = StatusCache(provider, self.routes)
        self.loops = Loops()
        self.workers: WorkerPool | None = None
        if settings.workers > 1:
            self.workers = WorkerPool(settings, self.routes, self.metrics, self.guard.failures, self.wake)

    def new_control_plane(self) -> ControlPlane:
        """A control plane. Only one of all gateways with this state directory may run at a time."""
        return ControlPlane(
            self.settings,
            self.state,
            self.provider,
            self.routes,
            self.metrics,
            self.statuses,
            self.guard,
            self.reserve,
            self.acknowledged,
        )

    def new_proxy(self, control: str) -> Proxy:
        """A proxy of this process; `control` is the Unix socket of the control API."""
        endpoint = Endpoint("control", unix=control)
        return Proxy(self.routes, endpoint, proxy_settings(self.settings), self.metrics, self.wake, self.guard)

    def states(self) -> dict[str, str]:
        """What is wrong with each part; empty for one that is well."""
        workers = {} if self.workers is None else {"workers": self.workers.problem()}
        return {**self.loops.states(), **workers}

    async def wake(self, key: FunctionKey) -> None:
        """Scale a function from zero to its minimum. Raises RuntimeFault."""
        status = self.statuses.get(key)
        await self.provider.scale(key, limits_of(status.labels if status else None).minimum)

    async def follow_routes(self) -> None:
        """Apply the provider's routing changes to the routing table."""
        async for change in self.provider.watch():
            self.routes.apply(change)
            # The provider ends replicas once every worker has acknowledged this change.
            await self.acknowledged()

    async def acknowledged(self) -> None:
        """Return once every worker uses the current routes."""
        if self.workers is not None:
            await self.workers.acknowledged()


class ProviderApp:
    """The parts of a standalone provider: the REST API of its engine, and a proxy to its functions.

    It has no queue, no schedules, no scaling and no versions: those are the gateway's.
    """

    def __init__(self, configuration: ResolvedSettings, state: StateDir, provider: Provider) -> None:
        """The caller holds the state directory. Raises Invalid for an account that is unusable."""
        self.configuration = configuration
        self.settings = configuration.settings()
        self.state = state
        self.provider = provider
        self.routes = RoutingTable()
        self.metrics = InvocationMetrics()
        self.statuses = StatusCache(provider, self.routes)
        self.loops = Loops()
        self._accounts = [account_of(self.settings, state)] if self.settings.auth else []

    def new_api(self) -> ASGIApp:
        """The provider API."""
        services = Services(self.provider, self.routes, self.metrics, problems=self.problems)
        return create_app(services, self._accounts, PROVIDER_ROUTES)

    def new_proxy(self, control: str) -> Proxy:
        """The proxy; `control` is the Unix socket of the provider API."""
        settings = dataclasses.replace(
            proxy_settings(self.settings), served_by=f"faas-provider/{__version__}", sandbox_pages=False
        )
        return Proxy(self.routes, Endpoint("control", unix=control), settings, self.metrics, self.wake)

    def problems(self) -> dict[str, str]:
        """What is wrong with each loop that is not well."""
        return {name: problem for name, problem in self.loops.states().items() if problem}

    async def wake(self, key: FunctionKey) -> None:
        """Scale a function from zero to its minimum. Raises RuntimeFault."""
        status = await self.provider.get(key)
        await self.provider.scale(key, limits_of(status.labels).minimum)

    async def follow_routes(self) -> None:
        """Apply the provider's routing changes to the routing table."""
        async for change in self.provider.watch():
            if isinstance(change, RouteUpdate):
                # The gateway in front decides who may call; here every call comes from a gateway.
                change = dataclasses.replace(change, internal=False, auth="")
            self.routes.apply(change)
