"""Where a restart is asked for: one line of JSON on a Unix socket, answered by another when it is over.

{"arguments": ["--access-log", "json"]}     arguments to add to those this gateway was started with
{"pid": 4711}                               the gateway that serves now
{"problem": "..."}                          why this one goes on
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
from faas_runtime.gateway.listeners.sd_notify import why_not_replaceable

log = logging.getLogger("faas.gateway")

HandOver = Callable[[Sequence[str]], Awaitable[int]]
"""Starts the next gateway and returns its process number once it serves. Raises HandoverFailed."""


class Request(msgspec.Struct, frozen=True):
    """What is asked for."""

    arguments: list[str] = []


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What has become of it."""

    pid: int = 0
    problem: str = ""


class RestartServer:
    """Takes requests, one at a time; calls `replaced` once the next gateway serves."""

    def __init__(self, hand_over: HandOver, replaced: Callable[[], None]) -> None:
        self._hand_over = hand_over
        self._replaced = replaced
        self._busy = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, sock: socket.socket) -> None:
        """Take requests from now on."""
        self._server = await asyncio.start_unix_server(self._serve, sock=sock.dup())

    async def close(self) -> None:
        """Take no more; a restart under way is given up."""
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
            answer = await self._answer(await reader.readline())
            with contextlib.suppress(OSError):
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
        if answer.pid:
            self._replaced()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = msgspec.json.decode(line, type=Request)
        except msgspec.MsgspecError as err:
            return Answer(problem=f"malformed request: {err}")
        if self._busy.locked():
            return Answer(problem="a restart is under way already")
        if problem := why_not_replaceable():
            return Answer(problem=problem)
        async with self._busy:
            try:
                return Answer(pid=await self._hand_over(request.arguments))
            except (HandoverFailed, RuntimeFault, OSError) as err:
                log.error("not restarted: %s", err)
                return Answer(problem=str(err))
