"""What every handler of the control API uses: the gateway's services, request bodies, JSON responses.

Bodies are read as current clients write them: keys in any case, `null` for absent, unknown keys ignored.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionResources, encode
from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.auth.function_auth import CallGuard
from faas_runtime.gateway.control.store import FunctionStore
from faas_runtime.gateway.control.validation import check_namespace
from faas_runtime.gateway.metrics.invocations import InvocationMetrics
from faas_runtime.gateway.queue.service import QueueService
from faas_runtime.gateway.routing import RoutingTable
from faas_runtime.gateway.traffic.canaries import Canaries
from faas_runtime.gateway.traffic.versions import VersionStore
from faas_runtime.images.store import ImageStore
from faas_runtime.providers.base import Provider

ACCEPTED = 202
CREATED = 201
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Maximum size of a request body of the control API."""

T = TypeVar("T", bound=msgspec.Struct)
_NESTED = {"limits": FunctionResources, "requests": FunctionResources}
_PLACE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a gateway, or of a standalone provider, that handlers use; None for one it does not have.

    `problems` returns what is wrong with each background loop that is not well, `warnings` what an operator should
    know although everything works. `changed` returns once the loops and the proxies know that functions have changed.
    """

    provider: Provider
    routes: RoutingTable
    metrics: InvocationMetrics
    problems: Callable[[], dict[str, str]] = dict
    warnings: Callable[[], dict[str, str]] = dict
    queue: QueueService | None = None
    versions: VersionStore | None = None
    canaries: Canaries | None = None
    guard: CallGuard | None = None
    trusts: Callable[[str], bool] | None = None
    store: FunctionStore | None = None
    schedules: bool = True
    images: ImageStore | None = None
    changed: Callable[[], Awaitable[None]] = _nothing


def services_of(request: Request) -> Services:
    """The services of the gateway that received this request."""
    services: Services = request.app.state.services
    return services


def json_response(value: Any, status: int = 200) -> Response:
    """A wire value, or a list of them, as JSON."""
    return Response(encode(value), status, media_type="application/json")


async def read_body(request: Request, kind: type[T]) -> T:
    """The request's body as a wire value. Raises Invalid, naming the field that is wrong."""
    value = await read_json(request)
    if not isinstance(value, dict):
        raise Invalid("the body is not a JSON object")
    try:
        return msgspec.convert(_canonical(value, kind), kind)
    except msgspec.ValidationError as err:
        raise Invalid(_explained(str(err))) from None


async def read_json(request: Request) -> Any:
    """The request's body as plain values. Raises Invalid."""
    body = await read_bytes(request, MAX_BODY_BYTES)
    if body is None:
        raise Invalid(f"the body is larger than {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise Invalid(f"the body is not valid JSON: {err}") from None


async def read_bytes(request: Request, limit: int) -> bytes | None:
    """The request's body, None when it is larger than `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def namespace_of(request: Request, in_body: str = "") -> str:
    """The namespace of a request: the body's, else the query's, else the default one. Raises Invalid."""
    namespace = in_body or request.query_params.get("namespace") or DEFAULT_NAMESPACE
    check_namespace(namespace)
    return namespace


def _canonical(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    names = {field.encode_name.lower(): field.encode_name for field in msgspec.structs.fields(kind)}
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = names.get(key.lower())
        if name is None or item is None:
            continue
        if name in _NESTED and isinstance(item, dict):
            item = _canonical(item, _NESTED[name])
        found[name] = item
    return found


def _explained(message: str) -> str:
    match = _PLACE.match(message)
    if match is None or not match[2]:
        return message
    return f"field `{match[2]}`: {match[1][:1].lower()}{match[1][1:]}"
