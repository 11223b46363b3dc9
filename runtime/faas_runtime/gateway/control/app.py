"""The routes of the control API, as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from faas_runtime.gateway.auth.accounts import Account
from faas_runtime.gateway.auth.control_auth import BasicAuth, SameSiteOnly
from faas_runtime.gateway.auth.hosts import KnownHostsOnly
from faas_runtime.gateway.auth.users import UserFile
from faas_runtime.gateway.control import (
    alert,
    async_calls,
    functions,
    images,
    info,
    logs,
    namespaces,
    openapi,
    pages,
    queue,
    secrets,
    traffic,
    versions,
)
from faas_runtime.gateway.control.faults import EXCEPTION_HANDLERS
from faas_runtime.gateway.control.requests import Services

Handler = Callable[[Request], Awaitable[Response]]
"""Answers the requests with one method to one path."""


class AnyText(StringConvertor):
    """The rest of a path, whatever is in it; Starlette's own `path` stops at a line feed (`%0A`)."""

    regex = "(?s:.*)"


register_url_convertor("any", AnyText())

ROUTES: dict[str, dict[str, Handler]] = {
    "/healthz": {"GET": info.health},
    "/async-function/{name}": {"POST": async_calls.accept, "DELETE": async_calls.cancel},
    "/async-function/{name}/{rest:any}": {"POST": async_calls.accept},
    "/system/async/{call_id}": {"GET": async_calls.state},
    "/system/async/{call_id}/result": {"GET": async_calls.result},
    "/": {"GET": pages.home},
    "/openapi.json": {"GET": openapi.openapi},
    "/ui/{path:path}": {"GET": pages.page},
    "/system/stats": {"GET": info.stats},
    "/system/store": {"GET": info.store},
    "/system/alert": {"POST": alert.receive_alert},
    "/system/queue": {"GET": queue.list_calls, "DELETE": queue.purge},
    "/system/queue/replay": {"POST": queue.replay},
    "/system/info": {"GET": info.info},
    "/system/functions": {
        "GET": functions.list_functions,
        "POST": functions.deploy,
        "PUT": functions.update,
        "DELETE": functions.delete,
    },
    "/system/function/{name}": {"GET": functions.status},
    "/system/function/{name}/versions": {"GET": versions.list_versions},
    "/system/function/{name}/rollback": {"POST": versions.rollback},
    "/system/function/{name}/traffic": {"GET": traffic.show, "PUT": traffic.share, "DELETE": traffic.end},
    "/system/function/{name}/promote": {"POST": traffic.promote},
    "/system/scale-function/{name}": {"POST": functions.scale},
    "/system/images": {"GET": images.list_images, "PUT": images.put_image},
    "/system/images/blobs/{digest}": {"GET": images.has_blob, "PUT": images.put_blob},
    "/system/logs": {"GET": logs.logs},
    "/system/secrets": {
        "GET": secrets.list_secrets,
        "POST": secrets.create,
        "PUT": secrets.update,
        "DELETE": secrets.delete,
    },
    "/system/namespaces": {"GET": namespaces.list_namespaces},
    "/system/namespace/{name:any}": {
        "GET": namespaces.get,
        "POST": namespaces.create,
        "PUT": namespaces.update,
        "DELETE": namespaces.delete,
    },
}
"""Every path, and the handler of each method. Any other method is answered 405."""


def create_app(
    services: Services,
    accounts: Sequence[Account] = (),
    routes: Mapping[str, Mapping[str, Handler]] = ROUTES,
    users: UserFile | None = None,
    allowed_hosts: Sequence[str] | None = None,
) -> Starlette:
    """The control API as an ASGI application. Without accounts every request is allowed.

    `users` are further accounts, in a file that may change. With `allowed_hosts`, requests for other hosts than these
    and this machine are refused.
    """
    middleware = [Middleware(SameSiteOnly)]
    if allowed_hosts is not None:
        middleware.insert(0, Middleware(KnownHostsOnly, allowed=tuple(allowed_hosts)))
    if accounts:
        failures = services.guard.failures if services.guard is not None else None
        middleware.append(
            Middleware(BasicAuth, accounts=tuple(accounts), users=users, failures=failures, trusts=services.trusts)
        )
    app = Starlette(routes=_routes(routes), middleware=middleware, exception_handlers=EXCEPTION_HANDLERS)
    app.router.redirect_slashes = False
    app.state.services = services
    return app


def _routes(table: Mapping[str, Mapping[str, Handler]]) -> list[Route]:
    return [Route(path, _by_method(handlers), methods=sorted(handlers)) for path, handlers in table.items()]


def _by_method(handlers: Mapping[str, Handler]) -> Handler:
    async def handle(request: Request) -> Response:
        # Starlette sends HEAD to the route for GET, and leaves out the body.
        return await handlers["GET" if request.method == "HEAD" else request.method](request)

    return handle
