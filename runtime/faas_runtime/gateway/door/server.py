"""Starting and stopping the front door."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence

from faas_runtime.gateway.door.settings import DoorSettings
from faas_runtime.gateway.metrics import InvocationMetrics
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.providers.base import Endpoint, FunctionKey

Wake = Callable[[FunctionKey], Awaitable[None]]
"""Asks for a first replica of a function that is scaled to zero; returns when that is accepted."""


class FrontDoor:
    """Listens for clients and streams their calls to replicas and to the control room.

    `routes` is only read. Whatever is not a function call goes to `control`. `wake` is
    called once for any number of calls that wait for a function scaled to zero; a
    `RuntimeFault` it raises is told to those callers.
    """

    def __init__(
        self,
        routes: RoutingTable,
        control: Endpoint,
        settings: DoorSettings,
        metrics: InvocationMetrics,
        wake: Wake | None = None,
    ) -> None:
        self._routes = routes
        self._control = control
        self._settings = settings
        self._metrics = metrics
        self._wake = wake
        self._servers: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket] = (), tls: ssl.SSLContext | None = None) -> None:
        """Listen, and return once connections are accepted. Raises OSError (port in use).

        `sockets` that already listen are used instead of the settings' address.
        """
        raise NotImplementedError

    async def stop(self, grace: float) -> None:
        """Accept nothing more, let running calls finish for `grace` seconds, cut off what is left."""
        raise NotImplementedError

    def addresses(self) -> list[str]:
        """Where it listens: `http://127.0.0.1:8080`, `https://...`, `unix:/run/faas.sock`."""
        return []
