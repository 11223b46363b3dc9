"""What only one gateway at a time may do with a state directory: control room, queue, schedules, scaling."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping

from starlette.types import ASGIApp

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.gateway.auth.accounts import account_of
from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.auth.users import UserFile
from faas_runtime.gateway.background import Loops
from faas_runtime.gateway.control import ControlRoom, create_app
from faas_runtime.gateway.control.asgi import AsgiServer
from faas_runtime.gateway.control.function_store import FunctionStore
from faas_runtime.gateway.control.status_cache import Catalogue
from faas_runtime.gateway.cron.runner import CronRunner
from faas_runtime.gateway.listeners.bind import Listeners
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.metrics.page import create_metrics_app
from faas_runtime.gateway.queue.service import QueueService, QueueSettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.peers import Alone, NatsPeers, Peers
from faas_runtime.gateway.scaling.scaler import Scaler
from faas_runtime.gateway.state import USERS_FILE, StateDir
from faas_runtime.gateway.traffic.canaries import Canaries
from faas_runtime.gateway.traffic.canary import TrafficBook
from faas_runtime.gateway.traffic.versions import VersionBook
from faas_runtime.providers.base import Provider


class BackOffice:
    """Everything behind the proxy but the provider. It can be closed and another one opened."""

    def __init__(
        self,
        settings: GatewaySettings,
        state: StateDir,
        provider: Provider,
        routes: RoutingTable,
        metrics: InvocationMetrics,
        catalogue: Catalogue,
        guard: CallGuard,
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        """`settled` returns once every proxy has taken over the present routes."""
        self._settings = settings
        self._state = state
        self._provider = provider
        self._routes = routes
        self._metrics = metrics
        self._catalogue = catalogue
        self._guard = guard
        self._settled = settled
        self._queue = QueueService(
            QueueSettings(
                path=settings.state_dir / "queue" / "calls.db",
                nats=settings.nats,
                lease=settings.queue_lease,
                callback_hosts=frozenset(settings.callback_hosts),
            ),
            catalogue.get,
        )
        self._versions = VersionBook(settings.state_dir / "versions")
        traffic = TrafficBook(settings.state_dir / "traffic")
        self._canaries = Canaries(provider, routes, metrics, self._versions, traffic)
        self._loops = Loops()
        self._servers: dict[str, AsgiServer] = {}
        self._closing = contextlib.AsyncExitStack()

    async def open(self, listeners: Listeners, others: Callable[[], Mapping[str, str]]) -> None:
        """Start everything but the queue's calls; `others` tells what is wrong elsewhere. Raises RuntimeFault."""
        self._closing.push_async_callback(self._loops.stop)
        self._canaries.restore()
        await self._queue.open()
        self._closing.push_async_callback(self._queue.close)
        self._loops.start("catalogue", self._catalogue.run)
        peers = self._peers()
        self._loops.start("scaler", Scaler(self._provider, self._catalogue, self._routes, peers).run)
        self._loops.start("cron", CronRunner(self._catalogue, self._queue.accept, leads=lambda: peers.leads).run)

        def states() -> dict[str, str]:
            return {**others(), **self._states()}

        await self._serve("control", self._control(states), listeners.control.socket)
        if listeners.metrics is not None:
            page = create_metrics_app(
                self._metrics, self._routes, states, self._queue.calls.counts, lambda: peers.leads
            )
            await self._serve("metrics", page, listeners.metrics)

    def _peers(self) -> Peers:
        platform = self._settings.provider_url or self._settings.engine
        # The functions of a local engine are this gateway's alone.
        if not self._settings.nats or platform in ("docker", "process"):
            return Alone(self._metrics)
        peers = NatsPeers(self._settings.nats, platform, self._routes, self._metrics)
        self._loops.start("peers", peers.run)
        return peers

    async def begin_calls(self, listeners: Listeners) -> None:
        """Let the queue make calls, now that the proxy is open."""
        await self._queue.start(f"unix:{listeners.internal.path}")

    async def end_calls(self) -> None:
        """Let the queue's calls finish and make no more, while the proxy is still open."""
        await self._queue.stop()

    async def close(self) -> None:
        """Stop everything."""
        await self._closing.aclose()

    def _control(self, states: Callable[[], Mapping[str, str]]) -> ASGIApp:
        accounts = [account_of(self._settings, self._state)] if self._settings.auth else []
        room = ControlRoom(
            provider=self._provider,
            routes=self._routes,
            metrics=self._metrics,
            loops=lambda: {name: problem for name, problem in states().items() if problem},
            queue=self._queue,
            versions=self._versions,
            canaries=self._canaries,
            guard=self._guard,
            store=FunctionStore(self._settings.store_url),
            changed=self._changed,
        )
        return create_app(room, accounts, users=UserFile(self._settings.state_dir / USERS_FILE))

    async def _changed(self) -> None:
        await self._catalogue.update()
        await self._settled()

    async def _serve(self, name: str, app: ASGIApp, sock: socket.socket) -> None:
        # A server closes its socket when it stops; ours may be needed by the next one.
        server = self._servers[name] = AsgiServer(app, sock.dup())
        self._closing.push_async_callback(server.stop)
        server.start()

    def _states(self) -> dict[str, str]:
        servers = {name: server.problem() for name, server in self._servers.items()}
        queue = {"queue": self._queue.problem(), "provider": self._catalogue.problem}
        return {**self._loops.states(), **servers, **queue}
