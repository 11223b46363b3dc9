"""Reading requests as current clients write them: keys in any case, `null` for nothing, unknown keys ignored."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionResources
from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.control.validation import check_namespace

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Largest request body of the control room."""

T = TypeVar("T", bound=msgspec.Struct)
_NESTED = {"limits": FunctionResources, "requests": FunctionResources}
_PLACE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


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
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Invalid(f"the body is larger than {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise Invalid(f"the body is not valid JSON: {err}") from None


def namespace_of(request: Request, in_body: str = "") -> str:
    """The namespace a request means: the body's, else the query's, else the default one. Raises Invalid."""
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
