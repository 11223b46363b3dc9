"""Asking a container's watchdog whether calls may come."""

from __future__ import annotations

import asyncio
import contextlib


async def is_ready(host: str, port: int, has_ready: bool, limit: float = 2.0) -> bool:
    """Whether the watchdog is healthy and, if it knows the question (`has_ready`), its function is ready.

    A classic watchdog would hand `/_/ready` to the function. Every failure is a no.
    """
    try:
        async with asyncio.timeout(limit):
            if await _status(host, port, "/_/health") != 200:
                return False
            return not has_ready or await _status(host, port, "/_/ready") == 200
    except (OSError, TimeoutError, ValueError, asyncio.LimitOverrunError):
        return False


async def _status(host: str, port: int, path: str) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: watchdog\r\nConnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split(b" ", 2)[1]) if line.startswith(b"HTTP/1.") else 0
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
