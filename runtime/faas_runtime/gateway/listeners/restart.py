"""Serves restart requests: one line of JSON on a Unix socket, with one line of JSON as the response.

{"arguments": ["--access-log", "json"]}     arguments to add to those this gateway was started with
{"pid": 4711}                               the gateway that serves now
{"problem": "..."}                          why the old gateway continues
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from faas_runtime.core.errors import RuntimeFault
from faas_runtime.gateway.listeners.handover import HandoverFailed
from faas_runtime.gateway.listeners.sd_notify import restart_problem

log = logging.getLogger("faas.gateway")

HandOver = Callable[[Sequence[str]], Awaitable[int]]
"""Starts the new gateway and returns its process ID once it serves. Raises HandoverFailed."""


class RestartRequest(msgspec.Struct, frozen=True):
    """Arguments to add to those of this gateway."""

    arguments: list[str] = []


class RestartResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The process ID of the gateway that serves now, or why the old one continues."""

    pid: int = 0
    problem: str = ""


class RestartServer:
    """Handles restart requests, one at a time; calls `replaced` once the new gateway serves."""

    def __init__(self, hand_over: HandOver, replaced: Callable[[], None]) -> None:
        self._hand_over = hand_over
        self._replaced = replaced
        self._busy = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, sock: socket.socket) -> None:
        """Accept requests."""
        self._server = await asyncio.start_unix_server(self._serve, sock=sock.dup())

    async def close(self) -> None:
        """Accept no more requests; a restart under way is cancelled."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            result = await self._restart(await reader.readline())
            with contextlib.suppress(OSError):
                writer.write(msgspec.json.encode(result) + b"\n")
                await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
        if result.pid:
            self._replaced()

    async def _restart(self, line: bytes) -> RestartResult:
        try:
            request = msgspec.json.decode(line, type=RestartRequest)
        except msgspec.MsgspecError as err:
            return RestartResult(problem=f"malformed request: {err}")
        if self._busy.locked():
            return RestartResult(problem="a restart is under way already")
        if problem := restart_problem():
            return RestartResult(problem=problem)
        async with self._busy:
            try:
                return RestartResult(pid=await self._hand_over(request.arguments))
            except (HandoverFailed, RuntimeFault, OSError) as err:
                log.error("not restarted: %s", err)
                return RestartResult(problem=str(err))
