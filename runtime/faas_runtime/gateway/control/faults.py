"""Faults as responses: the one table from what failed to a status code."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from sqlite3 import SQLITE_FULL
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from faas_runtime.core.errors import (
    AlreadyExists,
    DiskFull,
    Invalid,
    LimitReached,
    NotFound,
    RuntimeFault,
    StartFailed,
    Unavailable,
    Unsupported,
)
from faas_runtime.core.files import FULL

log = logging.getLogger("faas.control")

STATUS: Mapping[type[RuntimeFault], int] = {
    Invalid: 400,
    StartFailed: 400,
    NotFound: 404,
    AlreadyExists: 409,
    LimitReached: 429,
    Unsupported: 501,
    Unavailable: 503,
    DiskFull: 507,
}


def status_of(fault: RuntimeFault) -> int:
    """The status code of a fault; 500 for one that is not in the table. A full disk is 507 whatever it stopped."""
    if isinstance(cause := fault.__cause__ or fault.__context__, OSError) and cause.errno in FULL:
        return STATUS[DiskFull]
    for kind, status in STATUS.items():
        if isinstance(fault, kind):
            return status
    return 500


async def fault_response(_: Request, fault: Exception) -> Response:
    """The fault's own sentence."""
    assert isinstance(fault, RuntimeFault)
    return PlainTextResponse(str(fault), status_of(fault))


async def http_error_response(request: Request, error: Exception) -> Response:
    """The path does not exist, or does not allow this method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return PlainTextResponse(f"there is nothing at `{request.url.path}`", 404)
    return Response(status_code=error.status_code, headers=dict(error.headers or {}))


async def disk_error_response(request: Request, error: Exception) -> Response:
    """A file could not be written: the answer says so where the disk is full."""
    full = error.errno in FULL if isinstance(error, OSError) else getattr(error, "sqlite_errorcode", 0) == SQLITE_FULL
    if full:
        return PlainTextResponse("the disk of the gateway is full: nothing was changed; free some space there", 507)
    return await unexpected_error_response(request, error)


async def unexpected_error_response(request: Request, error: Exception) -> Response:
    """An error that the code does not expect; the details are in the log only."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return PlainTextResponse("the gateway failed; its log says why", 500)


EXCEPTION_HANDLERS: Mapping[Any, Any] = {
    RuntimeFault: fault_response,
    HTTPException: http_error_response,
    OSError: disk_error_response,
    sqlite3.Error: disk_error_response,
    Exception: unexpected_error_response,
}
