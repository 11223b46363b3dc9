"""Asking watchdogs whether calls may be sent to them."""

from __future__ import annotations

import asyncio

from faas_runtime.core.http import Address, HttpFailure, request

HEALTH, READY = "/_/health", "/_/ready"
"""`READY` is about the function behind the watchdog; a classic watchdog would hand that path to the function."""


async def is_ready(host: str, port: int, *paths: str, limit: float = 2.0) -> bool:
    """Whether the watchdog answers 200 at each of these paths, in turn, within `limit` seconds altogether."""
    address = Address(host, port, host_header="watchdog")
    try:
        async with asyncio.timeout(limit):
            for path in paths:
                async with request(address, "GET", path, connect_timeout=limit) as response:
                    if response.status != 200:
                        return False
    except (HttpFailure, TimeoutError):
        return False
    return True
