"""The function store from which the dashboard deploys; it is asked for only when somebody looks."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException

from faas_runtime import __version__
from faas_runtime.core.errors import NotFound, Unavailable
from faas_runtime.core.function_store import StoreFunction, parse_store

TIMEOUT = 5.0
"""Seconds the store may be silent."""
KEPT = 600.0
"""Seconds for which its answer is believed."""
MOST_BYTES = 4 * 1024 * 1024


class FunctionStore:
    """The functions at an address; an empty address is no store."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._functions: Sequence[StoreFunction] = ()
        self._until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def functions(self) -> Sequence[StoreFunction]:
        """All functions of the store. Raises NotFound, Unavailable."""
        if not self._url:
            raise NotFound("this gateway has no function store")
        async with self._one_at_a_time:
            if self._clock() >= self._until:
                self._functions = await asyncio.to_thread(_read, self._url)
                self._until = self._clock() + KEPT
        return self._functions


def _read(url: str) -> Sequence[StoreFunction]:
    if not url.startswith(("http://", "https://")):
        raise Unavailable(f"the function store `{url}` is not an http or https address")
    request = urllib.request.Request(url, headers={"User-Agent": f"faas/{__version__}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            data = answer.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        return parse_store(data)
    except (OSError, HTTPException, ValueError) as error:
        raise Unavailable(f"the function store at `{url}` cannot be read: {error}") from None
