"""`/system/store`: functions that can be deployed as they are."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.api import StoreEntry
from faas_runtime.core.errors import Unsupported
from faas_runtime.core.function_store import StoreFunction, own_platform
from faas_runtime.gateway.control.answers import json_answer
from faas_runtime.gateway.control.services import room_of


async def list_store(request: Request) -> Response:
    """The functions with an image for this machine, by title."""
    store = room_of(request).store
    if store is None:
        raise Unsupported("this gateway has no function store")
    wanted = own_platform()
    found = [_entry(each, wanted) for each in await store.functions() if each.name and each.image_for(wanted)]
    return json_answer(sorted(found, key=lambda each: (each.title.lower(), each.name)))


def _entry(function: StoreFunction, wanted: str) -> StoreEntry:
    return StoreEntry(
        name=function.name,
        title=function.title or function.name,
        description=function.description,
        author=function.author,
        image=function.image_for(wanted),
        env_process=function.fprocess,
        env_vars=function.environment,
        labels=function.labels,
        annotations=function.annotations,
        read_only_root_filesystem=function.read_only,
    )
