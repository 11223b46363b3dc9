"""`/system/queue`: the calls in the queue, dead letters among them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import QueueListing, ReplayRequest
from faas_runtime.core.errors import Invalid, NotFound
from faas_runtime.gateway.control.async_calls import key_of, queue_of, wire_call
from faas_runtime.gateway.control.requests import json_response, read_body, services_of
from faas_runtime.gateway.queue.model import State
from faas_runtime.providers.base import FunctionKey

MAX_LISTED = 1000
"""Maximum number of calls in one response."""
_DELETABLE = (State.QUEUED, State.DONE, State.DEAD, State.CANCELLED)


async def list_calls(request: Request) -> Response:
    """Calls by age, and the number of calls in each state; `state`, `function`, `limit` and `after` select."""
    queue = queue_of(services_of(request)).calls
    limit, after = _number(request, "limit", 100, MAX_LISTED), _number(request, "after", 0)
    key = _function(request)
    records = await queue.list(_state(request), limit, after, key)
    counts = {each: found for each, found in (await queue.counts()).items() if key in (None, each)}
    listing = QueueListing(
        counts={
            str(key): {str(state): count for state, count in found.items()} for key, found in sorted(counts.items())
        },
        calls=[wire_call(record) for record in records],
    )
    return json_response(listing)


async def replay(request: Request) -> Response:
    """Queue dead letters again."""
    service = queue_of(services_of(request))
    request_body = await read_body(request, ReplayRequest)
    replayed = await service.calls.replay(request_body.call_ids)
    service.notify()
    return json_response({"replayed": replayed})


async def purge(request: Request) -> Response:
    """Delete dead letters, or calls in another `state`, of all functions or one `function`."""
    state = _state(request) or State.DEAD
    if state not in _DELETABLE:
        raise Invalid(f"parameter `state`: calls that are {state} cannot be deleted")
    return json_response({"purged": await queue_of(services_of(request)).calls.purge([state], key=_function(request))})


def _state(request: Request) -> State | None:
    text = request.query_params.get("state", "")
    if not text:
        return None
    try:
        return State(text)
    except ValueError:
        raise Invalid(f"parameter `state`: `{text[:40]}` is not one of {', '.join(State)}") from None


def _function(request: Request) -> FunctionKey | None:
    text = request.query_params.get("function", "")
    if not text:
        return None
    try:
        return key_of(text)
    except NotFound as error:
        raise Invalid(f"parameter `function`: {error}") from None


def _number(request: Request, name: str, default: int, maximum: int = 2**62) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(f"parameter `{name}`: `{text[:40]}` is not a number")
    return min(int(text), maximum)
