"""The dashboard's files at `/ui/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

FOLDER = Path(__file__).resolve().parents[1] / "ui"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def home(_: Request) -> Response:
    """Redirect to the dashboard."""
    return RedirectResponse("/ui/", 307)


async def page(request: Request) -> Response:
    """One file of the dashboard."""
    content = _files().get(request.path_params["path"] or "index.html")
    if content is None:
        raise HTTPException(404)
    body, kind = content
    return Response(body, headers={**_HEADERS, "Content-Type": kind})


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    # They are few and small; a name from outside never becomes a path.
    return {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in FOLDER.iterdir() if path.suffix in _TYPES}
