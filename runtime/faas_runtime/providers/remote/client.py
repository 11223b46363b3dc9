"""Requests to a provider's REST API; what goes wrong comes back as the faults every provider raises."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from faas_runtime.core.api import encode
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound, RuntimeFault, Unavailable, Unsupported
from faas_runtime.providers.remote.http import Address, Answer, HttpFailure, ask

_LONGEST_MESSAGE = 2000
_FAULTS: dict[int, type[RuntimeFault]] = {
    400: Invalid,
    404: NotFound,
    405: Unsupported,
    409: AlreadyExists,
    422: Invalid,
    501: Unsupported,
}

T = TypeVar("T")


class ProviderClient:
    """One provider, and who we are to it. Raises only RuntimeFault."""

    def __init__(self, address: Address, user: str, password: str) -> None:
        self.address = address
        self._headers = {"User-Agent": "faas-gateway", "Accept": "*/*"}
        if user or password:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {pair}"

    async def read(self, path: str, query: dict[str, str], kind: type[T], limit: float) -> T:
        """A value that the provider has, within `limit` seconds."""
        body = await self._exchange("GET", path, query, b"", limit)
        try:
            return _decoded(body, kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
            raise Unavailable(
                f"the provider at `{self.address}` answered GET {path} with something else: {err}"
            ) from None

    async def change(self, method: str, path: str, value: Any, limit: float, namespace: str = "") -> None:
        """Have something changed, within `limit` seconds."""
        # Providers read the namespace in the body, in the query or in either.
        query = {"namespace": namespace} if namespace else {}
        await self._exchange(method, path, query, encode(value), limit)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, query: dict[str, str], limit: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of an answer that may go on for ever; it begins within `limit` seconds."""
        async with contextlib.AsyncExitStack() as stack:
            with self._told("GET", path, limit):
                async with asyncio.timeout(limit):
                    answer = await stack.enter_async_context(self._ask("GET", path, query, b""))
                    await self._check(answer, "GET", path)
            yield self._pieces(answer, path)

    async def _pieces(self, answer: Answer, path: str) -> AsyncIterator[bytes]:
        with self._told("GET", path, 0):
            async for piece in answer.pieces():
                yield piece

    async def _exchange(self, method: str, path: str, query: dict[str, str], body: bytes, limit: float) -> bytes:
        with self._told(method, path, limit):
            async with asyncio.timeout(limit), self._ask(method, path, query, body) as answer:
                await self._check(answer, method, path)
                return await answer.body()

    def _ask(
        self, method: str, path: str, query: dict[str, str], body: bytes
    ) -> contextlib.AbstractAsyncContextManager[Answer]:
        target = f"{path}?{urlencode(query)}" if query else path
        return ask(self.address, method, target, self._headers, body)

    async def _check(self, answer: Answer, method: str, path: str) -> None:
        if 200 <= answer.status < 300:
            return
        if answer.status in (401, 403):
            raise WrongCredentials(
                f"the provider at `{self.address}` does not accept the user and password given for it"
            )
        text = (await answer.body())[:_LONGEST_MESSAGE].decode("utf-8", errors="replace").strip()
        kind = _FAULTS.get(answer.status)
        if kind is not None and text:
            raise kind(text)
        said = f": {text}" if text else ""
        message = f"the provider at `{self.address}` answered {method} {path} with {answer.status}{said}"
        raise (kind or Unavailable)(message)

    @contextlib.contextmanager
    def _told(self, method: str, path: str, limit: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise Unavailable(
                f"the provider at `{self.address}` did not answer {method} {path} within {limit:g} s"
            ) from None
        except (HttpFailure, OSError) as err:
            raise Unavailable(f"the provider at `{self.address}` does not answer: {err}") from None


class WrongCredentials(Unavailable):
    """The provider wants another user and password."""


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        # Some providers send `null` for an empty list and for empty fields. Looking for it takes ten times as long.
        return msgspec.convert(_without_nulls(msgspec.json.decode(body) or []), kind)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
