"""`/system/namespaces` and `/system/namespace/NAME`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import FunctionNamespace
from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.control.answers import ACCEPTED, CREATED, json_answer
from faas_runtime.gateway.control.bodies import read_body
from faas_runtime.gateway.control.services import room_of
from faas_runtime.gateway.control.validation import check_namespace
from faas_runtime.gateway.control.versions import forget_namespace


async def list_namespaces(request: Request) -> Response:
    """Names of all namespaces, the default one first."""
    return json_answer(list(await room_of(request).provider.list_namespaces()))


async def get(request: Request) -> Response:
    """One namespace and its marks."""
    name = request.path_params["name"]
    check_namespace(name)
    return json_answer(await room_of(request).provider.get_namespace(name))


async def create(request: Request) -> Response:
    """Add a namespace; the path may leave the name to the body."""
    await room_of(request).provider.create_namespace(await _namespace(request))
    return Response(status_code=CREATED)


async def update(request: Request) -> Response:
    """Replace a namespace's marks."""
    await room_of(request).provider.update_namespace(await _namespace(request))
    return Response(status_code=ACCEPTED)


async def delete(request: Request) -> Response:
    """Remove a namespace and the functions in it."""
    name = request.path_params["name"]
    check_namespace(name)
    room = room_of(request)
    await room.provider.delete_namespace(name)
    await forget_namespace(room, name)
    return Response(status_code=ACCEPTED)


async def _namespace(request: Request) -> FunctionNamespace:
    in_path = request.path_params["name"]
    namespace = await read_body(request, _Named)
    if in_path and namespace.name and namespace.name != in_path:
        raise Invalid(f"field `name`: `{namespace.name}` is not the name in the path, `{in_path}`")
    name = namespace.name or in_path
    check_namespace(name)
    return FunctionNamespace(name=name, annotations=namespace.annotations, labels=namespace.labels)


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
