"""The control plane: control API, queue, schedules and scaling. A state directory has one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping

from starlette.types import ASGIApp

from faas_runtime.core.addresses import is_loopback, trusted_by
from faas_runtime.core.paths import images_dir
from faas_runtime.core.records import damage
from faas_runtime.core.reserve import CHECK_INTERVAL, Reserve
from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.accounts import account_of
from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.auth.hosts import KnownHostsOnly
from faas_runtime.gateway.auth.users import UserFile
from faas_runtime.gateway.background import Loops
from faas_runtime.gateway.control.app import create_app
from faas_runtime.gateway.control.asgi import AsgiServer
from faas_runtime.gateway.control.requests import Services
from faas_runtime.gateway.control.status_cache import StatusCache
from faas_runtime.gateway.control.store import FunctionStore
from faas_runtime.gateway.cron.runner import CronRunner
from faas_runtime.gateway.listeners.bind import Listeners
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.metrics.page import create_metrics_app
from faas_runtime.gateway.queue.callbacks import CallbackLimits
from faas_runtime.gateway.queue.model import Limits
from faas_runtime.gateway.queue.service import QueueService, QueueSettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.peers import NatsPeers, Peers, Standalone
from faas_runtime.gateway.scaling.scaler import Scaler
from faas_runtime.gateway.state import USERS_FILE, StateDir
from faas_runtime.gateway.traffic.canaries import Canaries
from faas_runtime.gateway.traffic.canary import CanaryStore
from faas_runtime.gateway.traffic.versions import VersionStore
from faas_runtime.images.store import ImageStore
from faas_runtime.providers.base import Provider


class ControlPlane:
    """Everything behind the proxy but the provider. After `close`, another one can be opened in the same process."""

    def __init__(
        self,
        settings: GatewaySettings,
        state: StateDir,
        provider: Provider,
        routes: RoutingTable,
        metrics: InvocationMetrics,
        statuses: StatusCache,
        guard: CallGuard,
        reserve: Reserve,
        acknowledged: Callable[[], Awaitable[None]],
    ) -> None:
        """`acknowledged` returns once every proxy uses the current routes."""
        self._settings = settings
        self._state = state
        self._provider = provider
        self._routes = routes
        self._metrics = metrics
        self._statuses = statuses
        self._guard = guard
        self._reserve = reserve
        self._acknowledged = acknowledged
        self._queue = QueueService(
            QueueSettings(
                path=settings.state_dir / "queue" / "calls.db",
                nats=settings.nats,
                lease=settings.queue_lease,
                callback_hosts=frozenset(settings.callback_hosts),
                limits=Limits(
                    settings.max_queued_calls, settings.max_queued_calls_per_function, settings.max_queue_bytes
                ),
                callbacks=CallbackLimits(concurrent=settings.max_callbacks, per_host=settings.max_callbacks_per_host),
            ),
            statuses.get,
            reserve.problem,
        )
        self._versions = VersionStore(settings.state_dir / "versions")
        canaries = CanaryStore(settings.state_dir / "traffic")
        self._canaries = Canaries(provider, routes, metrics, self._versions, canaries)
        self._loops = Loops()
        self._servers: dict[str, AsgiServer] = {}
        self._closing = contextlib.AsyncExitStack()

    async def open(self, listeners: Listeners, others: Callable[[], Mapping[str, str]]) -> None:
        """Start everything but queued calls; `others` returns what is wrong with other parts. Raises RuntimeFault."""
        self._closing.push_async_callback(self._loops.stop)
        self._canaries.restore()
        await self._queue.open()
        self._closing.push_async_callback(self._queue.close)
        self._loops.start("disk", self._hold_reserve)
        self._loops.start("statuses", self._statuses.run)
        peers = self._peers()
        self._loops.start("scaler", Scaler(self._provider, self._statuses, self._routes, peers).run)
        if self._settings.schedules:
            runner = CronRunner(self._statuses, self._queue.accept, is_leader=lambda: peers.is_leader)
            self._loops.start("cron", runner.run)

        def states() -> dict[str, str]:
            return {**others(), **self._states()}

        await self._serve("control", self._control(states), listeners.control.socket)
        if listeners.metrics is not None:
            page: ASGIApp = create_metrics_app(
                self._metrics, self._routes, states, self._queue.calls.counts, lambda: peers.is_leader
            )
            if is_loopback(self._settings.metrics_host):
                page = KnownHostsOnly(page, self._settings.allowed_hosts)
            await self._serve("metrics", page, listeners.metrics)

    async def _hold_reserve(self) -> None:
        while True:
            await asyncio.to_thread(self._reserve.hold)
            await asyncio.sleep(CHECK_INTERVAL)

    def _peers(self) -> Peers:
        platform = self._settings.provider_url or self._settings.engine
        # No other gateway shares the functions of a local engine.
        if not self._settings.nats or platform in ("docker", "process"):
            return Standalone(self._metrics)
        peers = NatsPeers(self._settings.nats, platform, self._routes, self._metrics)
        self._loops.start("peers", peers.run)
        return peers

    async def begin_calls(self, listeners: Listeners) -> None:
        """Start making queued calls. The proxy must be open."""
        await self._queue.start(f"unix:{listeners.internal.path}")

    async def end_calls(self) -> None:
        """Finish running queued calls and start no more. The proxy must still be open."""
        await self._queue.stop()

    async def close(self) -> None:
        """Stop everything."""
        await self._closing.aclose()

    def _control(self, states: Callable[[], Mapping[str, str]]) -> ASGIApp:
        accounts = [account_of(self._settings, self._state)] if self._settings.auth else []
        services = Services(
            provider=self._provider,
            routes=self._routes,
            metrics=self._metrics,
            problems=lambda: {name: problem for name, problem in states().items() if problem},
            warnings=self._warnings,
            queue=self._queue,
            versions=self._versions,
            canaries=self._canaries,
            guard=self._guard,
            trusts=trusted_by(self._settings.trusted_proxies),
            store=FunctionStore(self._settings.store_url),
            images=self._images(),
            changed=self._changed,
            schedules=self._settings.schedules,
        )
        settings = self._settings
        # With credentials a page gains nothing from a name that leads here: the browser has none for that name.
        open_here = not settings.auth and is_loopback(settings.host)
        hosts = settings.allowed_hosts if open_here or settings.allowed_hosts else None
        return create_app(services, accounts, users=UserFile(settings.state_dir / USERS_FILE), allowed_hosts=hosts)

    def _images(self) -> ImageStore | None:
        """The store that functions run from, if it is this gateway's own."""
        own = self._settings.engine == "process" and not self._settings.provider_url
        return ImageStore(images_dir(self._settings.state_dir)) if own else None

    def _warnings(self) -> dict[str, str]:
        found = {"disk": self._reserve.problem(), "queue": self._queue.warning(), "files": damage()}
        return {name: text for name, text in found.items() if text}

    async def _changed(self) -> None:
        await self._statuses.update()
        await self._acknowledged()

    async def _serve(self, name: str, app: ASGIApp, sock: socket.socket) -> None:
        # The server closes its socket when it stops; a successor may need ours.
        server = self._servers[name] = AsgiServer(app, sock.dup())
        self._closing.push_async_callback(server.stop)
        server.start()

    def _states(self) -> dict[str, str]:
        servers = {name: server.problem() for name, server in self._servers.items()}
        queue = {"queue": self._queue.problem(), "provider": self._statuses.problem}
        return {**self._loops.states(), **servers, **queue}
