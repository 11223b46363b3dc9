"""`/async-function/NAME` and `/system/async/CALL_ID`: calls that are queued."""

from __future__ import annotations

import hmac
import re
import secrets
import time
import uuid

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime.core.api import DEFAULT_NAMESPACE, AsyncCall
from faas_runtime.core.durations import parse_duration
from faas_runtime.core.errors import Invalid, NotFound, Unsupported
from faas_runtime.gateway.auth.accounts import digest
from faas_runtime.gateway.auth.failures import client_host
from faas_runtime.gateway.auth.function_auth import BASIC, unauthorized
from faas_runtime.gateway.control.requests import ACCEPTED, Services, json_response, read_bytes, services_of
from faas_runtime.gateway.queue.callbacks import CallbackRefused
from faas_runtime.gateway.queue.model import NewCall, Record, State
from faas_runtime.gateway.queue.service import QueueService
from faas_runtime.providers.base import FunctionKey

DELAY_HEADER = "x-faas-delay"
"""Minimum time that a call waits in the queue, in seconds or as a Go duration."""
MAX_DELAY = 30 * 24 * 3600.0
"""Seconds."""
_NAME = re.compile(r"[-a-zA-Z0-9_.]+")
_CALL_ID = re.compile(r"[-a-zA-Z0-9_.:]{1,128}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CANCEL_HEADER = "x-faas-cancel-token"
"""Header of the 202, and of the request that cancels the call."""
# A function's response is served from the gateway's own origin: a browser must not treat it as one of its pages.
_INERT = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
}


async def accept(request: Request) -> Response:
    """Queue a call; the response is sent once the call is on disk."""
    services = services_of(request)
    queue = queue_of(services)
    key = key_of(request.path_params["name"])
    route = services.routes.lookup(key)
    if route is None:
        raise NotFound(f"there is no function `{key.name}` in namespace `{key.namespace}`")
    # This path needs no account: calls to internal functions do, unless the function has its own rule.
    rule = route.auth or (BASIC if route.internal else "")
    if rule and (refusal := await _refusal(services, rule, request)) is not None:
        return refusal
    callback = request.headers.get("x-callback-url", "")
    not_before = _not_before(request.headers.get(DELAY_HEADER, ""))
    if callback:
        try:
            await queue.callbacks.check(callback)
        except CallbackRefused as refused:
            raise Invalid(f"header `X-Callback-Url`: {refused}") from None
    body = await read_bytes(request, queue.settings.max_body)
    call_id, caller_id = _call_ids(request)
    token = secrets.token_urlsafe(24)
    if body is None:
        return PlainTextResponse(f"the body is larger than {queue.settings.max_body} bytes", 413)
    guard = services.guard
    hidden = rule or (guard is not None and guard.is_account(request.headers.get("authorization", "")))
    private = {DELAY_HEADER, "authorization"} if hidden else {DELAY_HEADER}
    call = NewCall(
        call_id=call_id,
        key=key,
        path=_rest(request),
        query=request.url.query,
        headers=tuple((name, value) for name, value in request.headers.items() if name not in private),
        body=body,
        callback=callback,
        not_before=not_before,
        caller_id=caller_id,
        cancel=digest(token.encode()).hex(),
    )
    await queue.accept(call)
    return Response(status_code=ACCEPTED, headers={"X-Call-Id": call.call_id, CANCEL_HEADER: token})


async def cancel(request: Request) -> Response:
    """Cancel a call that has not begun, with the token of its 202 or the credentials of an account.

    An id is no permission: functions, logs and callback hosts see it.
    """
    services, call_id = services_of(request), request.path_params["name"]
    calls, token = queue_of(services).calls, request.headers.get(CANCEL_HEADER, "")
    record = await calls.find(call_id) if _CALL_ID.fullmatch(call_id) else None
    # An id that a caller chose names no call to anybody else.
    known = record is not None and record.call_id == call_id
    expected = record.cancel if record is not None and known else ""
    given = digest(token.encode("latin-1", "replace")).hex()
    capable = bool(token and expected) and hmac.compare_digest(given, expected)
    if not capable and (refusal := await _refusal(services, BASIC, request)) is not None:
        return refusal
    if not known or not await calls.cancel(call_id):
        raise NotFound(f"no call `{call_id}` is waiting")
    return Response(status_code=ACCEPTED)


async def state(request: Request) -> Response:
    """The state of a call."""
    return json_response(wire_call(await _record(request)))


async def result(request: Request) -> Response:
    """The body of the function's response; 409 while there is none."""
    record = await _record(request)
    if record.state is not State.DONE and not record.status:
        return PlainTextResponse(f"call `{record.call_id}` is {record.state}", 409)
    kind = next((value for name, value in record.headers if name.lower() == "content-type"), "")
    headers = {
        **_INERT,
        "X-Call-Id": record.call_id,
        "X-Function-Status": str(record.status),
        "Content-Type": kind or "application/octet-stream",
    }
    return Response(record.body, headers=headers)


def queue_of(services: Services) -> QueueService:
    """The gateway's queue. Raises Unsupported where there is none."""
    if services.queue is None:
        raise Unsupported("this gateway has no queue for asynchronous calls")
    return services.queue


def wire_call(record: Record) -> AsyncCall:
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
        caller_id=record.caller_id,
    )


async def _record(request: Request) -> Record:
    call_id = request.path_params["call_id"]
    record = await queue_of(services_of(request)).calls.find(call_id)
    if record is None:
        raise NotFound(f"there is no call `{call_id}`")
    return record


async def _refusal(services: Services, rule: str, request: Request) -> Response | None:
    """The response to a call with wrong credentials, None for valid ones. The queue's own call needs none."""
    headers, refusal = request.headers, unauthorized(rule)
    if services.guard is not None:
        checked = await services.guard.check(
            rule,
            headers.get("authorization", ""),
            headers.get("sec-fetch-site", ""),
            client_host(headers.get("x-forwarded-for", ""), services.trusts),
        )
        if checked is None:
            return None
        refusal = checked
    return PlainTextResponse(refusal.text, refusal.status, dict([refusal.header]))


def key_of(name: str) -> FunctionKey:
    """The function that `NAME` or `NAME.NAMESPACE` names. Raises NotFound for what cannot be a name."""
    if not _NAME.fullmatch(name):
        raise NotFound(f"`{name[:80]}` is not a function name")
    plain, dot, namespace = name.rpartition(".")
    return FunctionKey(plain, namespace) if dot else FunctionKey(name, DEFAULT_NAMESPACE)


def _rest(request: Request) -> str:
    # As it was sent: an escaped slash must reach the function escaped.
    raw = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
    _, _, after = raw.removeprefix("/async-function/").partition("/")
    return f"/{after}"


def _call_ids(request: Request) -> tuple[str, str]:
    """The call's id, which is always the gateway's own, and the one that the caller gave it."""
    names = [name for name, _ in request.headers.raw]
    given = request.headers.get("x-call-id", "")
    # The proxy writes what the client sent before `Host`, and its own lines after it.
    if b"host" in names and b"x-call-id" in names[names.index(b"host") :] and _UUID.fullmatch(given):
        return given, ""
    return str(uuid.uuid4()), given if _CALL_ID.fullmatch(given) else ""


def _not_before(text: str) -> float:
    if not text:
        return 0.0
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise Invalid(f"header `X-Faas-Delay`: {error}") from None
    if seconds > MAX_DELAY:
        raise Invalid(f"header `X-Faas-Delay`: {text} is longer than 30 days")
    return time.time() + seconds
