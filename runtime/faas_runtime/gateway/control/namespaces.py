"""`/system/namespaces` and `/system/namespace/NAME`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import FunctionNamespace
from faas_runtime.core.errors import Invalid
from faas_runtime.gateway.control.requests import ACCEPTED, CREATED, json_response, read_body, services_of
from faas_runtime.gateway.control.validation import check_namespace
from faas_runtime.gateway.control.versions import delete_namespace_versions


async def list_namespaces(request: Request) -> Response:
    """Names of all namespaces, the default one first."""
    return json_response(list(await services_of(request).provider.list_namespaces()))


async def get(request: Request) -> Response:
    """One namespace with its labels and annotations."""
    name = request.path_params["name"]
    check_namespace(name)
    return json_response(await services_of(request).provider.get_namespace(name))


async def create(request: Request) -> Response:
    """Create a namespace; its name is in the path or in the body."""
    await services_of(request).provider.create_namespace(await _namespace(request))
    return Response(status_code=CREATED)


async def update(request: Request) -> Response:
    """Replace the labels and annotations of a namespace."""
    await services_of(request).provider.update_namespace(await _namespace(request))
    return Response(status_code=ACCEPTED)


async def delete(request: Request) -> Response:
    """Delete a namespace and the functions in it."""
    name = request.path_params["name"]
    check_namespace(name)
    services = services_of(request)
    await services.provider.delete_namespace(name)
    await delete_namespace_versions(services, name)
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
