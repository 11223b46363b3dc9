"""`/async-function/NAME` and `/system/async/CALL_ID`: calls that are answered later."""

from __future__ import annotations

import re
import time
import uuid

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime.core.api import DEFAULT_NAMESPACE, AsyncCall
from faas_runtime.core.durations import parse_duration
from faas_runtime.core.errors import Invalid, NotFound, Unsupported
from faas_runtime.gateway.auth.failures import client_host
from faas_runtime.gateway.auth.function_auth import BASIC, unauthorized
from faas_runtime.gateway.control.answers import ACCEPTED, json_answer
from faas_runtime.gateway.control.services import ControlRoom, room_of
from faas_runtime.gateway.queue.callbacks import CallbackRefused
from faas_runtime.gateway.queue.model import NewCall, Record, State
from faas_runtime.gateway.queue.service import QueueService
from faas_runtime.providers.base import FunctionKey

DELAY_HEADER = "x-faas-delay"
"""Seconds, or a Go duration, that a call waits in the queue at least."""
LONGEST_DELAY = 30 * 24 * 3600.0
_NAME = re.compile(r"[-a-zA-Z0-9_.]+")
_CALL_ID = re.compile(r"[-a-zA-Z0-9_.:]{1,128}")
# A function's answer is shown under the gateway's own address: it must never act as one of its pages.
_HARMLESS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
}


async def accept(request: Request) -> Response:
    """Queue a call; the answer leaves once the call is on disk."""
    room = room_of(request)
    queue = queue_of(room)
    key = _key(request.path_params["name"])
    route = room.routes.lookup(key)
    if route is None:
        raise NotFound(f"there is no function `{key.name}` in namespace `{key.namespace}`")
    # Anybody can reach this path: what is not for everybody needs an account here, if it asks for nothing else.
    rule = route.auth or (BASIC if route.internal else "")
    if rule and (refusal := await _refusal(room, rule, request)) is not None:
        return refusal
    callback = request.headers.get("x-callback-url", "")
    not_before = _not_before(request.headers.get(DELAY_HEADER, ""))
    if callback:
        try:
            await queue.callbacks.check(callback)
        except CallbackRefused as refused:
            raise Invalid(f"header `X-Callback-Url`: {refused}") from None
    body = await _body(request, queue.settings.max_body)
    if body is None:
        return PlainTextResponse(f"the body is larger than {queue.settings.max_body} bytes", 413)
    kept_back = {DELAY_HEADER, "authorization"} if rule else {DELAY_HEADER}
    call = NewCall(
        call_id=_call_id(request),
        key=key,
        path=_rest(request),
        query=request.url.query,
        headers=tuple((name, value) for name, value in request.headers.items() if name not in kept_back),
        body=body,
        callback=callback,
        not_before=not_before,
    )
    await queue.accept(call)
    return Response(status_code=ACCEPTED, headers={"X-Call-Id": call.call_id})


async def cancel(request: Request) -> Response:
    """Take a call out of the queue before it has begun. Who knows its id may."""
    call_id = request.path_params["name"]
    if not await queue_of(room_of(request)).calls.cancel(call_id):
        raise NotFound(f"no call `{call_id}` is waiting")
    return Response(status_code=ACCEPTED)


async def state(request: Request) -> Response:
    """What became of a call."""
    return json_answer(shown(await _record(request)))


async def result(request: Request) -> Response:
    """The body the function answered with; 409 while there is none."""
    record = await _record(request)
    if record.state is not State.DONE and not record.status:
        return PlainTextResponse(f"call `{record.call_id}` is {record.state}", 409)
    kind = next((value for name, value in record.headers if name.lower() == "content-type"), "")
    headers = {
        **_HARMLESS,
        "X-Call-Id": record.call_id,
        "X-Function-Status": str(record.status),
        "Content-Type": kind or "application/octet-stream",
    }
    return Response(record.body, headers=headers)


def queue_of(room: ControlRoom) -> QueueService:
    """The gateway's queue. Raises Unsupported where there is none."""
    if room.queue is None:
        raise Unsupported("this gateway takes no asynchronous calls")
    return room.queue


def shown(record: Record) -> AsyncCall:
    """A call as the API shows it."""
    return AsyncCall(
        seq=record.seq,
        call_id=record.call_id,
        function=record.key.name,
        namespace=record.key.namespace,
        state=str(record.state),
        attempts=record.attempts,
        created=record.created,
        not_before=record.not_before if record.not_before > record.created else 0.0,
        finished=record.finished,
        status=record.status,
        reason=record.reason,
        callback=record.callback,
    )


async def _record(request: Request) -> Record:
    call_id = request.path_params["call_id"]
    record = await queue_of(room_of(request)).calls.find(call_id)
    if record is None:
        raise NotFound(f"there is no call `{call_id}`")
    return record


async def _refusal(room: ControlRoom, rule: str, request: Request) -> Response | None:
    """The answer to a call with wrong credentials; the queue's own call later needs none."""
    headers, refusal = request.headers, unauthorized(rule)
    if room.guard is not None:
        checked = await room.guard.check(
            rule,
            headers.get("authorization", ""),
            headers.get("sec-fetch-site", ""),
            client_host(headers.get("x-forwarded-for", "")),
        )
        if checked is None:
            return None
        refusal = checked
    return PlainTextResponse(refusal.text, refusal.status, dict([refusal.header]))


async def _body(request: Request, limit: int) -> bytes | None:
    """The whole body, None when it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _key(name: str) -> FunctionKey:
    if not _NAME.fullmatch(name):
        raise NotFound(f"`{name[:80]}` is not a function's name")
    plain, dot, namespace = name.rpartition(".")
    return FunctionKey(plain, namespace) if dot else FunctionKey(name, DEFAULT_NAMESPACE)


def _rest(request: Request) -> str:
    # As it was sent: an escaped slash must reach the function escaped.
    raw = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
    _, _, after = raw.removeprefix("/async-function/").partition("/")
    return f"/{after}"


def _call_id(request: Request) -> str:
    given = request.headers.get("x-call-id", "")
    return given if _CALL_ID.fullmatch(given) else str(uuid.uuid4())


def _not_before(text: str) -> float:
    if not text:
        return 0.0
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise Invalid(f"header `X-Faas-Delay`: {error}") from None
    if seconds > LONGEST_DELAY:
        raise Invalid(f"header `X-Faas-Delay`: {text} is longer than 30 days")
    return time.time() + seconds
