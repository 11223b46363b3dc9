"""Requests to a provider's REST API; failures become the faults that every provider raises."""

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
from faas_runtime.core.http import Address, HttpFailure, HttpResponse, request

_MAX_MESSAGE_BYTES = 2000
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
    """The REST API of one provider, with the gateway's credentials. Raises only RuntimeFault."""

    def __init__(self, address: Address, user: str, password: str) -> None:
        self.address = address
        self._headers = [("User-Agent", "faas-gateway"), ("Accept", "*/*")]
        if user or password:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers.append(("Authorization", f"Basic {pair}"))

    async def read(self, path: str, query: dict[str, str], kind: type[T], limit: float) -> T:
        """GET a value, within `limit` seconds."""
        body = await self._exchange("GET", path, query, b"", limit)
        try:
            return _decoded(body, kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
            raise Unavailable(
                f"the provider at `{self.address}` answered GET {path} with unexpected content: {err}"
            ) from None

    async def change(self, method: str, path: str, value: Any, limit: float, namespace: str = "") -> None:
        """Send a change, within `limit` seconds."""
        # Providers read the namespace in the body, in the query or in either.
        query = {"namespace": namespace} if namespace else {}
        await self._exchange(method, path, query, encode(value), limit)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, query: dict[str, str], limit: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of a response that may never end; its head must arrive within `limit` seconds."""
        async with contextlib.AsyncExitStack() as stack:
            with self._failures("GET", path, limit):
                async with asyncio.timeout(limit):
                    response = await stack.enter_async_context(self._request("GET", path, query, b""))
                    await self._check(response, "GET", path)
            yield self._chunks(response, path)

    async def _chunks(self, response: HttpResponse, path: str) -> AsyncIterator[bytes]:
        with self._failures("GET", path, 0):
            async for chunk in response.chunks():
                yield chunk

    async def _exchange(self, method: str, path: str, query: dict[str, str], body: bytes, limit: float) -> bytes:
        with self._failures(method, path, limit):
            async with asyncio.timeout(limit), self._request(method, path, query, body) as response:
                await self._check(response, method, path)
                return await response.body()

    def _request(
        self, method: str, path: str, query: dict[str, str], body: bytes
    ) -> contextlib.AbstractAsyncContextManager[HttpResponse]:
        target = f"{path}?{urlencode(query)}" if query else path
        headers = [*self._headers, ("Content-Type", "application/json")] if body else self._headers
        return request(self.address, method, target, headers, body)

    async def _check(self, response: HttpResponse, method: str, path: str) -> None:
        if 200 <= response.status < 300:
            return
        if response.status in (401, 403):
            raise WrongCredentials(
                f"the provider at `{self.address}` does not accept the user and password given for it"
            )
        text = (await response.body())[:_MAX_MESSAGE_BYTES].decode("utf-8", errors="replace").strip()
        kind = _FAULTS.get(response.status)
        if kind is not None and text:
            raise kind(text)
        detail = f": {text}" if text else ""
        message = f"the provider at `{self.address}` answered {method} {path} with {response.status}{detail}"
        raise (kind or Unavailable)(message)

    @contextlib.contextmanager
    def _failures(self, method: str, path: str, limit: float) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise Unavailable(
                f"the provider at `{self.address}` did not answer {method} {path} within {limit:g} s"
            ) from None
        except (HttpFailure, OSError) as err:
            raise Unavailable(f"the provider at `{self.address}` does not answer: {err}") from None


class WrongCredentials(Unavailable):
    """The provider refuses the user and password."""


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        # Some providers send `null` for an empty list and for empty fields. Removing it takes ten times as long.
        return msgspec.convert(_without_nulls(msgspec.json.decode(body) or []), kind)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
