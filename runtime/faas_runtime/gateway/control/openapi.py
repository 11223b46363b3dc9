"""`/openapi.json`: the control API described for tools, from the types that read and write the bodies."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from faas_runtime import __version__
from faas_runtime.core import api

_TYPES = (
    api.AsyncCall,
    api.DeleteFunctionRequest,
    api.FunctionDeployment,
    api.FunctionNamespace,
    api.FunctionStatus,
    api.FunctionVersion,
    api.GatewayInfo,
    api.LogMessage,
    api.QueueListing,
    api.ReplayRequest,
    api.RollbackRequest,
    api.ScaleRequest,
    api.Secret,
    api.StoreEntry,
    api.TrafficRequest,
    api.TrafficShare,
)
_NAMESPACE = "namespace"
_TEXT = {"type": "string"}
_LABEL = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
_VALUES: dict[str, dict[str, Any]] = {
    "name": {**_LABEL, "examples": ["echo"]},
    _NAMESPACE: {**_LABEL, "examples": [api.DEFAULT_NAMESPACE]},
}
"""The schemas of parameters, by name."""


def _operation(
    summary: str,
    responses: dict[int, Any],
    body: type | None = None,
    query: tuple[str, ...] = (),
    path: tuple[str, ...] = (),
    open_to_all: bool = False,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": summary,
        "responses": {str(code): _response(what) for code, what in responses.items()},
    }
    if not open_to_all:
        found["responses"].setdefault("401", {"description": "wrong or missing user and password"})
    parameters = [{"name": name, "in": "path", "required": True, "schema": _VALUES.get(name, _TEXT)} for name in path]
    parameters += [{"name": name, "in": "query", "schema": _VALUES.get(name, _TEXT)} for name in query]
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    found["security"] = [] if open_to_all else [{"basic": []}]
    return found


def _response(what: Any) -> dict[str, Any]:
    """A description; a type stands for its JSON, a list of a type for an array."""
    if isinstance(what, str):
        return {"description": what}
    many = isinstance(what, list)
    name = (what[0] if many else what).__name__
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    if many:
        schema = {"type": "array", "items": schema}
    return {"description": name, "content": {"application/json": {"schema": schema}}}


_INVALID = "the invalid field, and why it is invalid"
_UNKNOWN = "not found"
_NO_IMAGES = "the engine has no image store"


def _functions() -> dict[str, Any]:
    return {
        "/system/functions": {
            "get": _operation(
                "List functions", {200: [api.FunctionStatus], 400: _INVALID}, query=(_NAMESPACE, "usage")
            ),
            "post": _operation(
                "Deploy a function", {202: "accepted", 400: _INVALID, 409: "already exists"}, api.FunctionDeployment
            ),
            "put": _operation(
                "Update a function", {202: "accepted", 400: _INVALID, 404: _UNKNOWN}, api.FunctionDeployment
            ),
            "delete": _operation(
                "Delete a function", {202: "accepted", 400: _INVALID, 404: _UNKNOWN}, api.DeleteFunctionRequest
            ),
        },
        "/system/function/{name}": {
            "get": _operation(
                "Show a function",
                {200: api.FunctionStatus, 400: _INVALID, 404: _UNKNOWN},
                query=(_NAMESPACE, "usage"),
                path=("name",),
            )
        },
        "/system/scale-function/{name}": {
            "post": _operation(
                "Set the desired number of replicas",
                {202: "accepted", 400: _INVALID, 404: _UNKNOWN},
                api.ScaleRequest,
                (_NAMESPACE,),
                ("name",),
            )
        },
    }


def _versions() -> dict[str, Any]:
    return {
        "/system/function/{name}/versions": {
            "get": _operation(
                "List the stored versions of a function",
                {200: [api.FunctionVersion], 400: _INVALID, 404: _UNKNOWN},
                query=(_NAMESPACE,),
                path=("name",),
            )
        },
        "/system/function/{name}/rollback": {
            "post": _operation(
                "Roll back to an earlier version",
                {200: api.FunctionVersion, 400: _INVALID, 404: _UNKNOWN},
                api.RollbackRequest,
                (_NAMESPACE,),
                ("name",),
            )
        },
        "/system/function/{name}/traffic": {
            "get": _operation(
                "Show how calls are split between versions",
                {200: [api.TrafficShare], 400: _INVALID, 404: _UNKNOWN},
                query=(_NAMESPACE,),
                path=("name",),
            ),
            "put": _operation(
                "Send a share of the calls to a version, as a canary",
                {200: [api.TrafficShare], 400: _INVALID, 404: _UNKNOWN},
                api.TrafficRequest,
                (_NAMESPACE,),
                ("name",),
            ),
            "delete": _operation(
                "End the canary", {202: "accepted", 400: _INVALID, 404: _UNKNOWN}, query=(_NAMESPACE,), path=("name",)
            ),
        },
        "/system/function/{name}/promote": {
            "post": _operation(
                "Make the canary the current version",
                {200: [api.TrafficShare], 400: _INVALID, 404: _UNKNOWN},
                query=(_NAMESPACE,),
                path=("name",),
            )
        },
    }


def _calls() -> dict[str, Any]:
    return {
        "/async-function/{name}": {
            "post": _operation(
                "Queue a call",
                {
                    202: "queued on disk",
                    400: _INVALID,
                    401: "wrong or missing credentials",
                    404: _UNKNOWN,
                    413: "body too large",
                    429: "too many requests, or too many calls wait",
                    507: "no room for the call",
                },
                path=("name",),
                open_to_all=True,
            ),
            "delete": _operation(
                "Cancel a queued call by its id",
                {202: "cancelled", 401: "neither the token of the call nor an account", 404: "no such queued call"},
                None,
                (),
                ("name",),
                True,
            ),
        },
        "/system/async/{call_id}": {
            "get": _operation("Show the state of a call", {200: api.AsyncCall, 404: _UNKNOWN}, path=("call_id",))
        },
        "/system/async/{call_id}/result": {
            "get": _operation(
                "Show the response of the function",
                {200: "the body", 404: _UNKNOWN, 409: "no response yet"},
                path=("call_id",),
            )
        },
        "/system/queue": {
            "get": _operation(
                "List asynchronous calls",
                {200: api.QueueListing, 400: _INVALID},
                query=("state", "function", "limit", "after"),
            ),
            "delete": _operation(
                "Delete calls in a state", {200: "number of deleted calls", 400: _INVALID}, query=("state", "function")
            ),
        },
        "/system/queue/replay": {
            "post": _operation(
                "Queue dead letters again", {200: "number of queued calls", 400: _INVALID}, api.ReplayRequest
            )
        },
    }


def _others() -> dict[str, Any]:
    return {
        "/system/info": {"get": _operation("Show releases and the provider", {200: api.GatewayInfo})},
        "/system/stats": {"get": _operation("Show the counters of every function", {200: "an array"})},
        "/system/store": {
            "get": _operation(
                "List functions that can be deployed as they are",
                {200: [api.StoreEntry], 404: "no store", 503: "the store does not answer"},
            )
        },
        "/system/images": {
            "get": _operation("List the images of the process engine by name", {200: "digests", 501: _NO_IMAGES}),
            "put": _operation(
                "Name an image by its manifest, whose blobs were uploaded",
                {201: "the digest", 400: _INVALID, 429: "too large", 501: _NO_IMAGES},
                query=("image",),
            ),
        },
        "/system/images/blobs/{digest}": {
            "get": _operation(
                "Test whether a blob is in the store",
                {200: "it is", 400: _INVALID, 404: _UNKNOWN, 501: _NO_IMAGES},
                path=("digest",),
            ),
            "put": _operation(
                "Upload a blob, which must have this digest",
                {
                    200: "there already",
                    201: "stored",
                    400: _INVALID,
                    429: "too large",
                    501: _NO_IMAGES,
                    507: "disk full",
                },
                path=("digest",),
            ),
        },
        "/system/logs": {
            "get": _operation(
                "Stream log lines, one JSON object each",
                {200: "newline-delimited JSON", 400: _INVALID, 404: _UNKNOWN, 422: _INVALID},
                query=("name", _NAMESPACE, "instance", "tail", "follow", "since"),
            )
        },
        "/system/secrets": {
            "get": _operation("List the names of secrets", {200: [api.Secret], 400: _INVALID}, query=(_NAMESPACE,)),
            "post": _operation("Store a secret", {201: "stored", 400: _INVALID, 409: "already exists"}, api.Secret),
            "put": _operation("Replace a secret", {202: "accepted", 400: _INVALID, 404: _UNKNOWN}, api.Secret),
            "delete": _operation("Delete a secret", {202: "accepted", 400: _INVALID, 404: _UNKNOWN}, api.Secret),
        },
        "/system/namespaces": {"get": _operation("List namespaces", {200: "an array of names"})},
        "/system/namespace/{name}": {
            "get": _operation(
                "Show a namespace", {200: api.FunctionNamespace, 400: _INVALID, 404: _UNKNOWN}, path=("name",)
            ),
            "post": _operation(
                "Create a namespace",
                {201: "created", 400: _INVALID, 409: "already exists"},
                api.FunctionNamespace,
                (),
                ("name",),
            ),
            "put": _operation(
                "Replace labels and annotations of a namespace",
                {202: "accepted", 400: _INVALID, 404: _UNKNOWN},
                api.FunctionNamespace,
                (),
                ("name",),
            ),
            "delete": _operation(
                "Delete a namespace and its functions", {202: "accepted", 400: _INVALID, 404: _UNKNOWN}, path=("name",)
            ),
        },
        "/system/alert": {
            "post": _operation("Scale by a webhook of Alertmanager", {200: "handled", 400: _INVALID, 500: "not scaled"})
        },
        "/healthz": {
            "get": _operation("Health check", {200: "healthy", 503: "one line for each problem"}, open_to_all=True)
        },
    }


@cache
def document() -> bytes:
    """The OpenAPI 3.1 document."""
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "faas gateway", "version": __version__, "license": {"name": "MIT", "identifier": "MIT"}},
            "paths": {**_functions(), **_versions(), **_calls(), **_others()},
            "components": {
                "schemas": schemas,
                "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            },
        }
    )


async def openapi(_: Request) -> Response:
    """The document."""
    return Response(document(), media_type="application/json")
