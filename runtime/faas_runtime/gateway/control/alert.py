"""`/system/alert`: the webhook of Alertmanager."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime.core.api import DEFAULT_NAMESPACE
from faas_runtime.core.errors import Invalid, RuntimeFault
from faas_runtime.gateway.control.requests import Services, read_json, services_of
from faas_runtime.gateway.scaling.limits import after_alert, limits_of
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.control")


class _Alert(msgspec.Struct):
    status: str = ""
    labels: dict[str, Any] = {}


class _Message(msgspec.Struct):
    alerts: list[_Alert] = []


async def receive_alert(request: Request) -> Response:
    """Scale each function that an alert names: one step up while it fires, to its minimum once it is resolved."""
    try:
        message = msgspec.convert(await read_json(request), _Message)
    except msgspec.ValidationError as err:
        raise Invalid(f"the body is not an alert: {err}") from None
    services = services_of(request)
    problems = []
    for number, alert in enumerate(message.alerts, 1):
        try:
            await _handle(services, alert)
        except RuntimeFault as fault:
            problems.append(f"{number}. {fault}")
    await services.changed()
    return PlainTextResponse("\n".join(problems), 500) if problems else Response()


async def _handle(services: Services, alert: _Alert) -> None:
    name = str(alert.labels.get("function_name", ""))
    plain, dot, namespace = name.rpartition(".")
    key = FunctionKey(plain, namespace) if dot else FunctionKey(name, DEFAULT_NAMESPACE)
    try:
        status = await services.provider.get(key)
    except RuntimeFault as fault:
        # Alerts outlive functions, and Alertmanager would only repeat a webhook that fails.
        log.warning("alert for `%s`: %s", name, fault)
        return
    desired = after_alert(limits_of(status.labels), status.replicas, alert.status == "firing")
    if desired != status.replicas:
        await services.provider.scale(key, desired)
        log.info("scaled %s from %d to %d replicas after an alert", key, status.replicas, desired)
