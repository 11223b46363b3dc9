"""Asking a watchdog whether its function is ready."""

from __future__ import annotations

import asyncio
import contextlib

_REQUEST = b"GET /_/ready HTTP/1.1\r\nHost: watchdog\r\nConnection: close\r\n\r\n"


async def is_ready(host: str, port: int, limit: float = 1.0) -> bool:
    """Whether the watchdog says that calls may come. Every failure is a no."""
    try:
        async with asyncio.timeout(limit):
            return await _status(host, port) == 200
    except (OSError, TimeoutError, ValueError, asyncio.LimitOverrunError):
        return False


async def _status(host: str, port: int) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_REQUEST)
        line = await reader.readline()
        return int(line.split(b" ", 2)[1]) if line.startswith(b"HTTP/1.") else 0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
