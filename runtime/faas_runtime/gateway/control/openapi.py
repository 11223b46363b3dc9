"""`/openapi.json`: the control API described for tools, made from the same types that read and write the bodies."""

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
"""What parameters may hold, by name."""


def _operation(
    summary: str,
    answers: dict[int, Any],
    body: type | None = None,
    query: tuple[str, ...] = (),
    path: tuple[str, ...] = (),
    open_to_all: bool = False,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": summary,
        "responses": {str(code): _answer(what) for code, what in answers.items()},
    }
    if not open_to_all:
        found["responses"].setdefault("401", {"description": "no account, or not its password"})
    parameters = [{"name": name, "in": "path", "required": True, "schema": _VALUES.get(name, _TEXT)} for name in path]
    parameters += [{"name": name, "in": "query", "schema": _VALUES.get(name, _TEXT)} for name in query]
    if parameters:
        found["parameters"] = parameters
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    found["security"] = [] if open_to_all else [{"basic": []}]
    return found


def _answer(what: Any) -> dict[str, Any]:
    """A description; a type stands for its JSON, a list of a type for an array."""
    if isinstance(what, str):
        return {"description": what}
    many = isinstance(what, list)
    name = (what[0] if many else what).__name__
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
    if many:
        schema = {"type": "array", "items": schema}
    return {"description": name, "content": {"application/json": {"schema": schema}}}


_WRONG = "the field that is wrong, and why"
_GONE = "there is none of that name"


def _functions() -> dict[str, Any]:
    return {
        "/system/functions": {
            "get": _operation("List functions", {200: [api.FunctionStatus], 400: _WRONG}, query=(_NAMESPACE, "usage")),
            "post": _operation(
                "Deploy a function", {202: "accepted", 400: _WRONG, 409: "it exists already"}, api.FunctionDeployment
            ),
            "put": _operation("Update a function", {202: "accepted", 400: _WRONG, 404: _GONE}, api.FunctionDeployment),
            "delete": _operation(
                "Remove a function", {202: "accepted", 400: _WRONG, 404: _GONE}, api.DeleteFunctionRequest
            ),
        },
        "/system/function/{name}": {
            "get": _operation(
                "Show a function",
                {200: api.FunctionStatus, 400: _WRONG, 404: _GONE},
                query=(_NAMESPACE, "usage"),
                path=("name",),
            )
        },
        "/system/scale-function/{name}": {
            "post": _operation(
                "Set the number of replicas",
                {202: "accepted", 400: _WRONG, 404: _GONE},
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
                "List the versions kept of a function",
                {200: [api.FunctionVersion], 400: _WRONG, 404: _GONE},
                query=(_NAMESPACE,),
                path=("name",),
            )
        },
        "/system/function/{name}/rollback": {
            "post": _operation(
                "Bring an earlier version back",
                {200: api.FunctionVersion, 400: _WRONG, 404: _GONE},
                api.RollbackRequest,
                (_NAMESPACE,),
                ("name",),
            )
        },
        "/system/function/{name}/traffic": {
            "get": _operation(
                "Show which versions get how many of the calls",
                {200: [api.TrafficShare], 400: _WRONG, 404: _GONE},
                query=(_NAMESPACE,),
                path=("name",),
            ),
            "put": _operation(
                "Give a version a share of the calls, as a canary",
                {200: [api.TrafficShare], 400: _WRONG, 404: _GONE},
                api.TrafficRequest,
                (_NAMESPACE,),
                ("name",),
            ),
            "delete": _operation(
                "End the canary", {202: "accepted", 400: _WRONG, 404: _GONE}, query=(_NAMESPACE,), path=("name",)
            ),
        },
        "/system/function/{name}/promote": {
            "post": _operation(
                "Let the canary be the present version",
                {200: [api.TrafficShare], 400: _WRONG, 404: _GONE},
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
                {202: "on disk", 400: _WRONG, 401: "not for everybody", 404: _GONE, 413: "too large", 429: "later"},
                path=("name",),
                open_to_all=True,
            ),
            "delete": _operation(
                "Take a call out of the queue by its id",
                {202: "cancelled", 404: "it does not wait"},
                None,
                (),
                ("name",),
                True,
            ),
        },
        "/system/async/{call_id}": {
            "get": _operation("What became of a call", {200: api.AsyncCall, 404: _GONE}, path=("call_id",))
        },
        "/system/async/{call_id}/result": {
            "get": _operation(
                "What the function answered", {200: "its body", 404: _GONE, 409: "not yet"}, path=("call_id",)
            )
        },
        "/system/queue": {
            "get": _operation(
                "List asynchronous calls", {200: api.QueueListing, 400: _WRONG}, query=("state", "limit", "after")
            ),
            "delete": _operation("Forget ended calls", {200: "how many", 400: _WRONG}, query=("state",)),
        },
        "/system/queue/replay": {
            "post": _operation("Queue dead calls again", {200: "how many", 400: _WRONG}, api.ReplayRequest)
        },
    }


def _others() -> dict[str, Any]:
    return {
        "/system/info": {"get": _operation("Releases and provider", {200: api.GatewayInfo})},
        "/system/stats": {"get": _operation("Counters of every function", {200: "an array"})},
        "/system/store": {
            "get": _operation(
                "List functions that can be deployed as they are",
                {200: [api.StoreEntry], 404: "there is no store", 503: "it does not answer"},
            )
        },
        "/system/logs": {
            "get": _operation(
                "Stream log lines, one JSON object each",
                {200: "newline-delimited JSON", 400: _WRONG, 404: _GONE, 422: _WRONG},
                query=("name", _NAMESPACE, "instance", "tail", "follow", "since"),
            )
        },
        "/system/secrets": {
            "get": _operation("List the names of secrets", {200: [api.Secret], 400: _WRONG}, query=(_NAMESPACE,)),
            "post": _operation("Store a secret", {201: "stored", 400: _WRONG, 409: "it exists already"}, api.Secret),
            "put": _operation("Replace a secret", {202: "accepted", 400: _WRONG, 404: _GONE}, api.Secret),
            "delete": _operation("Forget a secret", {202: "accepted", 400: _WRONG, 404: _GONE}, api.Secret),
        },
        "/system/namespaces": {"get": _operation("List namespaces", {200: "an array of names"})},
        "/system/namespace/{name}": {
            "get": _operation(
                "Show a namespace", {200: api.FunctionNamespace, 400: _WRONG, 404: _GONE}, path=("name",)
            ),
            "post": _operation(
                "Add a namespace",
                {201: "added", 400: _WRONG, 409: "it exists already"},
                api.FunctionNamespace,
                (),
                ("name",),
            ),
            "put": _operation(
                "Replace a namespace's marks",
                {202: "accepted", 400: _WRONG, 404: _GONE},
                api.FunctionNamespace,
                (),
                ("name",),
            ),
            "delete": _operation(
                "Remove a namespace and its functions", {202: "accepted", 400: _WRONG, 404: _GONE}, path=("name",)
            ),
        },
        "/system/alert": {
            "post": _operation("Scale by Alertmanager's webhook", {200: "handled", 400: _WRONG, 500: "not scaled"})
        },
        "/healthz": {"get": _operation("Whether all is well", {200: "well", 503: "what is not"}, open_to_all=True)},
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
