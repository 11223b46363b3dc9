"""`/system/logs`: the log lines of a function as newline-delimited JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from faas_runtime.core.api import encode
from faas_runtime.gateway.control.requests import namespace_of, services_of
from faas_runtime.gateway.control.validation import check_function_name
from faas_runtime.providers.base import FunctionKey, LogQuery, Provider

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})


async def logs(request: Request) -> Response:
    """Stream log lines; with `follow` until the client disconnects or the function is deleted."""
    values = request.query_params
    name = values.get("name", "")
    check_function_name(name, "name")
    try:
        tail, since = _tail(values.get("tail", "")), _since(values.get("since", ""))
    except ValueError as err:
        return PlainTextResponse(str(err), 422)
    query = LogQuery(
        key=FunctionKey(name, namespace_of(request)),
        tail=tail,
        follow=values.get("follow", "") in _TRUE,
        since=since,
        instance=values.get("instance", ""),
    )
    provider = services_of(request).provider
    await provider.get(query.key)  # an unknown function is answered 404 before the stream begins
    return StreamingResponse(_lines(provider, query), media_type="application/x-ndjson")


async def _lines(provider: Provider, query: LogQuery) -> AsyncIterator[bytes]:
    # The headers are sent at once, even when nothing has been logged yet.
    yield b""
    async for message in provider.logs(query):
        yield encode(message) + b"\n"


def _tail(text: str) -> int | None:
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"parameter `tail`: `{text}` is not a number") from None
    return number if number > 0 else None


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"parameter `since`: `{text}` is not a time like 2026-02-03T10:11:12Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
