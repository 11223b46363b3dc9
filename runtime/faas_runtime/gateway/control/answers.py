"""Small helpers to answer with."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from faas_runtime.core.api import encode

ACCEPTED = 202
CREATED = 201


def json_answer(value: Any, status: int = 200) -> Response:
    """A wire value, or a list of them, as JSON."""
    return Response(encode(value), status, media_type="application/json")
