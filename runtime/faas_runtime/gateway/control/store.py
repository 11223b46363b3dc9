"""The function store from which the dashboard deploys. It is fetched when somebody opens that page, not before."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException

from faas_runtime import __version__
from faas_runtime.core.api import StoreEntry
from faas_runtime.core.errors import NotFound, Unavailable
from faas_runtime.core.function_store import StoreFunction, own_platform, parse_store

FETCH_TIMEOUT = 5.0
"""Seconds the store may be silent."""
CACHE_TIMEOUT = 600.0
"""Seconds for which a fetched list is used."""
MAX_STORE_BYTES = 4 * 1024 * 1024


class FunctionStore:
    """The functions listed at a URL; an empty URL is no store."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._functions: Sequence[StoreFunction] = ()
        self._fresh_until = 0.0
        self._fetching = asyncio.Lock()

    async def functions(self) -> Sequence[StoreFunction]:
        """All functions of the store. Raises NotFound, Unavailable."""
        if not self._url:
            raise NotFound("this gateway has no function store")
        async with self._fetching:
            if self._clock() >= self._fresh_until:
                self._functions = await asyncio.to_thread(_fetch, self._url)
                self._fresh_until = self._clock() + CACHE_TIMEOUT
        return self._functions

    async def entries(self) -> list[StoreEntry]:
        """The functions with an image for this machine, by title. Raises NotFound, Unavailable."""
        platform = own_platform()
        found = [_entry(each, platform) for each in await self.functions() if each.name and each.image_for(platform)]
        return sorted(found, key=lambda each: (each.title.lower(), each.name))


def _fetch(url: str) -> Sequence[StoreFunction]:
    if not url.startswith(("http://", "https://")):
        raise Unavailable(f"the function store `{url}` is not an http or https URL")
    request = urllib.request.Request(url, headers={"User-Agent": f"faas/{__version__}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT) as response:  # noqa: S310
            data = response.read(MAX_STORE_BYTES + 1)
        if len(data) > MAX_STORE_BYTES:
            raise ValueError(f"it is larger than {MAX_STORE_BYTES} bytes")
        return parse_store(data)
    except (OSError, HTTPException, ValueError) as error:
        raise Unavailable(f"the function store at `{url}` cannot be read: {error}") from None


def _entry(function: StoreFunction, platform: str) -> StoreEntry:
    return StoreEntry(
        name=function.name,
        title=function.title or function.name,
        description=function.description,
        author=function.author,
        image=function.image_for(platform),
        env_process=function.fprocess,
        env_vars=function.environment,
        labels=function.labels,
        annotations=function.annotations,
        read_only_root_filesystem=function.read_only,
    )
