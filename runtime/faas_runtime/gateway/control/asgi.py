"""An ASGI server inside a process that does other work, too."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

_STOP_TIMEOUT = 2


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The gateway handles signals."""
        yield


class AsgiServer:
    """An application on one socket."""

    def __init__(self, app: ASGIApp, sock: socket.socket) -> None:
        self._socket = sock
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                ws="none",
                # Longer than the proxy's own, so that this side is never the first to close.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_STOP_TIMEOUT,
            )
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Serve from now on."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    def problem(self) -> str:
        """Why it does not serve; empty while it does."""
        if self._task is None or not self._task.done():
            return ""
        error = None if self._task.cancelled() else self._task.exception()
        return f"stopped: {error}" if error else "stopped"

    async def stop(self) -> None:
        """Finish the requests in progress (streams are cut after 2 s) and close the socket."""
        if self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task])
            self._task = None
