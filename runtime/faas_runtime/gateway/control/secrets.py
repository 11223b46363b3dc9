"""`/system/secrets`: names can be listed, values never."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import Secret
from faas_runtime.gateway.control.requests import ACCEPTED, CREATED, json_response, namespace_of, read_body, services_of
from faas_runtime.gateway.control.validation import check_secret_name


async def list_secrets(request: Request) -> Response:
    """Names of the secrets of a namespace."""
    return json_response(await services_of(request).provider.list_secrets(namespace_of(request)))


async def create(request: Request) -> Response:
    """Store a secret."""
    await services_of(request).provider.create_secret(await _secret(request))
    return Response(status_code=CREATED)


async def update(request: Request) -> Response:
    """Replace a secret's value."""
    await services_of(request).provider.update_secret(await _secret(request))
    return Response(status_code=ACCEPTED)


async def delete(request: Request) -> Response:
    """Delete a secret."""
    secret = await _secret(request)
    await services_of(request).provider.delete_secret(secret.name, secret.namespace)
    return Response(status_code=ACCEPTED)


async def _secret(request: Request) -> Secret:
    secret = await read_body(request, Secret)
    check_secret_name(secret.name)
    return msgspec.structs.replace(secret, namespace=namespace_of(request, secret.namespace))
