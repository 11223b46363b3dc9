"""`/system/queue`: the calls in the queue, the dead ones among them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import QueueListing, ReplayRequest
from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.control.answers import json_answer
from faas_runtime.gateway.control.async_calls import queue_of, shown
from faas_runtime.gateway.control.bodies import read_body
from faas_runtime.gateway.control.services import room_of
from faas_runtime.gateway.queue.model import State

MOST = 1000
"""Most calls shown in one answer."""
_ENDED = (State.DONE, State.DEAD, State.CANCELLED)


async def list_calls(request: Request) -> Response:
    """Calls by age, and how many there are of each state; `state`, `limit` and `after` select."""
    queue = queue_of(room_of(request)).calls
    records = await queue.list(_state(request), _number(request, "limit", 100, MOST), _number(request, "after", 0))
    counts = await queue.counts()
    listing = QueueListing(
        counts={
            str(key): {str(state): count for state, count in found.items()} for key, found in sorted(counts.items())
        },
        calls=[shown(record) for record in records],
    )
    return json_answer(listing)


async def replay(request: Request) -> Response:
    """Queue dead calls again."""
    service = queue_of(room_of(request))
    wanted = await read_body(request, ReplayRequest)
    replayed = await service.calls.replay(wanted.call_ids)
    service.notify()
    return json_answer({"replayed": replayed})


async def purge(request: Request) -> Response:
    """Forget ended calls: the dead ones, or those of another `state`."""
    state = _state(request) or State.DEAD
    if state not in _ENDED:
        raise Invalid(f"parameter `state`: calls that are {state} cannot be forgotten")
    return json_answer({"purged": await queue_of(room_of(request)).calls.purge([state])})


def _state(request: Request) -> State | None:
    text = request.query_params.get("state", "")
    if not text:
        return None
    try:
        return State(text)
    except ValueError:
        raise Invalid(f"parameter `state`: `{text[:40]}` is none of {', '.join(State)}") from None


def _number(request: Request, name: str, default: int, most: int = 2**62) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(f"parameter `{name}`: `{text[:40]}` is not a number")
    return min(int(text), most)
