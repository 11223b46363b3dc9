"""`/system/alert`: Alertmanager's webhook, for people who run Prometheus."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime.core.api import DEFAULT_NAMESPACE
from faas_runtime.core.errors import Invalid, RuntimeFault
from faas_runtime.gateway.control.bodies import read_json
from faas_runtime.gateway.control.services import ControlRoom, room_of
from faas_runtime.gateway.scaling.limits import after_alert, limits_of
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.control")


class _Alert(msgspec.Struct):
    status: str = ""
    labels: dict[str, Any] = {}


class _Message(msgspec.Struct):
    alerts: list[_Alert] = []


async def alert(request: Request) -> Response:
    """Scale each function an alert names: a step up while it fires, back to its minimum when it is resolved."""
    try:
        message = msgspec.convert(await read_json(request), _Message)
    except msgspec.ValidationError as err:
        raise Invalid(f"the body is not an alert: {err}") from None
    room = room_of(request)
    problems = []
    for number, each in enumerate(message.alerts, 1):
        try:
            await _handle(room, each)
        except RuntimeFault as fault:
            problems.append(f"{number}. {fault}")
    await room.changed()
    return PlainTextResponse("\n".join(problems), 500) if problems else Response()


async def _handle(room: ControlRoom, each: _Alert) -> None:
    name = str(each.labels.get("function_name", ""))
    plain, dot, namespace = name.rpartition(".")
    key = FunctionKey(plain, namespace) if dot else FunctionKey(name, DEFAULT_NAMESPACE)
    try:
        status = await room.provider.get(key)
    except RuntimeFault as fault:
        # Alerts outlive functions; a webhook that fails would only be sent again.
        log.warning("alert for `%s`: %s", name, fault)
        return
    wanted = after_alert(limits_of(status.labels), status.replicas, each.status == "firing")
    if wanted != status.replicas:
        await room.provider.scale(key, wanted)
        log.info("scaled %s from %d to %d replicas after an alert", key, status.replicas, wanted)
