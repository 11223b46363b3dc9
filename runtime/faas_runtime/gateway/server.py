"""One gateway: front door, control room, provider and metrics in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl

from starlette.types import ASGIApp

from faas_runtime import __version__
from faas_runtime.gateway.asgi import AsgiServer
from faas_runtime.gateway.catalogue import Catalogue
from faas_runtime.gateway.control import ControlRoom, create_app
from faas_runtime.gateway.control.users import UserFile
from faas_runtime.gateway.credentials import account_of
from faas_runtime.gateway.cron.runner import CronRunner
from faas_runtime.gateway.door import Certificate, DoorSettings, FrontDoor
from faas_runtime.gateway.listeners import PrivateSocket, listen
from faas_runtime.gateway.loops import Loops
from faas_runtime.gateway.metrics import InvocationMetrics
from faas_runtime.gateway.metrics_page import create_metrics_app
from faas_runtime.gateway.queue.service import QueueService, QueueSettings
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.scaling.limits import limits_of
from faas_runtime.gateway.scaling.scaler import Scaler
from faas_runtime.gateway.settings import GatewaySettings
from faas_runtime.gateway.state import USERS_FILE, Running, StateDir
from faas_runtime.gateway.versions import VersionBook
from faas_runtime.providers.base import Endpoint, FunctionKey, Provider
from faas_runtime.providers.process.logs import now_rfc3339

log = logging.getLogger("faas.gateway")


class Gateway:
    """Everything that lives as long as the gateway. The state directory is held by the caller."""

    def __init__(self, settings: GatewaySettings, state: StateDir, provider: Provider) -> None:
        self._settings = settings
        self._state = state
        self._provider = provider
        self._routes = RoutingTable()
        self._metrics = InvocationMetrics()
        self._catalogue = Catalogue(provider, self._routes)
        self._queue = QueueService(
            QueueSettings(path=settings.state_dir / "queue" / "calls.db", nats=settings.nats), self._catalogue.get
        )
        self._loops = Loops()
        self._servers: dict[str, AsgiServer] = {}
        self._closing = contextlib.AsyncExitStack()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain. Raises PortInUse, OSError before anything was started."""
        async with self._closing:
            await self._start()
            await stop.wait()
            log.info("stopping")
        log.info("stopped")

    async def _start(self) -> None:
        settings = self._settings
        # The addresses come first: a port in use must not cost the start of every function.
        front = self._listen(settings.host, settings.port, "--port")
        metrics = self._listen("127.0.0.1", settings.metrics_port, "--metrics-port") if settings.metrics_port else None
        await self._start_provider()
        await self._start_loops()
        await self._start_servers(front, metrics)

    async def _start_provider(self) -> None:
        self._closing.push_async_callback(self._provider.close)
        await self._provider.start()
        self._closing.push_async_callback(self._loops.stop)
        self._loops.start("routing", self._follow_routes)
        await self._catalogue.update()
        await self._catalogue.until_routed()

    async def _start_loops(self) -> None:
        await self._queue.open()
        self._closing.push_async_callback(self._queue.close)
        self._loops.start("catalogue", self._catalogue.run)
        self._loops.start("scaler", Scaler(self._provider, self._catalogue, self._routes, self._metrics).run)
        self._loops.start("cron", CronRunner(self._catalogue, self._queue.accept).run)

    async def _start_servers(self, front: socket.socket, metrics: socket.socket | None) -> None:
        settings = self._settings
        control, inside = self._private("control.sock"), self._private("gateway.sock")
        accounts = [account_of(settings, self._state)] if settings.auth else []
        room = ControlRoom(
            provider=self._provider,
            routes=self._routes,
            metrics=self._metrics,
            loops=self._problems,
            queue=self._queue,
            versions=VersionBook(settings.state_dir / "versions"),
            changed=self._catalogue.update,
        )
        users = UserFile(settings.state_dir / USERS_FILE)
        await self._serve("control", create_app(room, accounts, users=users), control.socket)
        if metrics is not None:
            page = create_metrics_app(self._metrics, self._routes, self._states, self._queue.calls.counts)
            await self._serve("metrics", page, metrics)
        door = self._front_door(Endpoint("control", unix=str(control.path)))
        self._closing.push_async_callback(door.stop, settings.stop_grace)
        await door.start([front, inside.socket], tls=self._tls())
        # Last to start and first to stop: it calls functions through the front door.
        self._closing.push_async_callback(self._queue.stop)
        await self._queue.start(f"unix:{inside.path}")
        self._announce(door.addresses()[0], metrics)

    def _listen(self, host: str, port: int, option: str) -> socket.socket:
        sock = listen(host, port, option)
        self._closing.callback(sock.close)
        return sock

    def _private(self, name: str) -> PrivateSocket:
        sock = PrivateSocket(self._settings.state_dir, name)
        self._closing.callback(sock.close)
        return sock

    async def _serve(self, name: str, app: ASGIApp, sock: socket.socket) -> None:
        server = self._servers[name] = AsgiServer(app, sock)
        self._closing.push_async_callback(server.stop)
        server.start()

    def _front_door(self, control: Endpoint) -> FrontDoor:
        settings = DoorSettings(
            host="",
            read_timeout=self._settings.read_timeout,
            write_timeout=self._settings.write_timeout,
            upstream_timeout=self._settings.upstream_timeout,
            access_log=self._settings.access_log,
            served_by=f"faas/{__version__}",
        )
        return FrontDoor(self._routes, control, settings, self._metrics, self._wake)

    def _tls(self) -> ssl.SSLContext | None:
        """What the front door encrypts with, if it does. Raises Invalid."""
        settings = self._settings
        if settings.tls_cert is None:
            return None
        certificate = Certificate(settings.tls_cert, settings.tls_key or settings.tls_cert)
        self._loops.start("certificate", certificate.follow)
        return certificate.context

    async def _wake(self, key: FunctionKey) -> None:
        status = self._catalogue.get(key)
        await self._provider.scale(key, limits_of(status.labels if status else None).minimum)

    async def _follow_routes(self) -> None:
        async for change in self._provider.watch():
            self._routes.apply(change)

    def _states(self) -> dict[str, str]:
        servers = {name: server.problem() for name, server in self._servers.items()}
        return {**self._loops.states(), **servers, "queue": self._queue.problem(), "provider": self._catalogue.problem}

    def _problems(self) -> dict[str, str]:
        return {name: problem for name, problem in self._states().items() if problem}

    def _announce(self, url: str, metrics: socket.socket | None) -> None:
        metrics_url = f"http://127.0.0.1:{metrics.getsockname()[1]}/metrics" if metrics is not None else ""
        log.info("listening on %s%s", url, f", metrics on {metrics_url}" if metrics_url else "")
        self._state.announce(
            Running(
                pid=os.getpid(),
                url=url,
                metrics_url=metrics_url,
                auth=self._settings.auth,
                engine="remote" if self._settings.provider_url else self._settings.engine,
                started_at=now_rfc3339(),
            )
        )


async def serve(settings: GatewaySettings, state: StateDir, provider: Provider) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises PortInUse, RuntimeFault, OSError."""
    await Gateway(settings, state, provider).run(stop_on_signals())


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
