"""`/system/images`: images that a client uploads to the store of the process engine, blob by blob.

The blobs come first, each checked against its digest; then the manifest names them, and they become an image.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from faas_runtime.core.errors import DiskFull, Invalid, LimitReached, NotFound, Unsupported
from faas_runtime.gateway.control.requests import CREATED, MAX_BODY_BYTES, json_response, read_bytes, services_of
from faas_runtime.images.interpreter import local_layers
from faas_runtime.images.store import LAYER_TYPE, ImageNotFound, ImageStore

MAX_BLOB_BYTES = 2 * 1024**3
"""Maximum size of one blob: of a layer."""
_FREE_BYTES = 64 * 1024**2
"""Disk space that an upload must leave."""
_WRITE_BYTES = 1024 * 1024


async def list_images(request: Request) -> Response:
    """The digest of every image in the store, by name."""
    return json_response(await asyncio.to_thread(_store(request).references))


async def has_blob(request: Request) -> Response:
    """Whether the store has a blob."""
    path = _blob(_store(request), request)
    if not await asyncio.to_thread(path.exists):
        raise NotFound(f"there is no blob `{request.path_params['digest']}`")
    return Response(status_code=200)


async def put_blob(request: Request) -> Response:
    """Store a blob; its content must have the digest in the path."""
    store, digest = _store(request), request.path_params["digest"]
    if await asyncio.to_thread(_blob(store, request).exists):
        return Response(status_code=200)
    await asyncio.to_thread(_check_size, store, request.headers.get("content-length", ""))
    with store.new_blob(LAYER_TYPE) as blob:
        pending = bytearray()
        async for chunk in request.stream():
            pending += chunk
            if blob.descriptor.size + len(pending) > MAX_BLOB_BYTES:
                raise _too_large()
            if len(pending) >= _WRITE_BYTES:
                await asyncio.to_thread(blob.write, bytes(pending))
                pending.clear()
        await asyncio.to_thread(blob.write, bytes(pending))
        if blob.descriptor.digest != digest:
            raise Invalid(f"the content is `{blob.descriptor.digest}`, not `{digest}`")
    return Response(status_code=CREATED)


async def put_image(request: Request) -> Response:
    """Name an image by its manifest, whose blobs are in the store."""
    store, name = _store(request), request.query_params.get("image", "")
    if not name or "@" in name:
        raise Invalid("query `image`: must be the name of the image, for example `hello:latest`")
    body = await read_bytes(request, MAX_BODY_BYTES)
    if body is None:
        raise LimitReached(f"the manifest is larger than {MAX_BODY_BYTES} bytes")
    digest = await asyncio.to_thread(_name_image, store, name, body)
    return json_response({"digest": digest}, CREATED)


def _store(request: Request) -> ImageStore:
    store = services_of(request).images
    if store is None:
        raise Unsupported("this gateway's engine has no image store: push the image to a registry")
    return store


def _blob(store: ImageStore, request: Request) -> Path:
    try:
        return store.blob_path(request.path_params["digest"])
    except ImageNotFound as err:
        raise Invalid(str(err)) from None


def _check_size(store: ImageStore, length: str) -> None:
    if not length.isascii() or not length.isdigit():
        raise Invalid("header `Content-Length`: must be the size of the blob in bytes")
    if int(length) > MAX_BLOB_BYTES:
        raise _too_large()
    store.root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(store.root).free < int(length) + _FREE_BYTES:
        raise DiskFull(f"the disk of the gateway has no room for a blob of {length} bytes")


def _too_large() -> LimitReached:
    return LimitReached(f"the blob is larger than {MAX_BLOB_BYTES} bytes")


def _name_image(store: ImageStore, name: str, body: bytes) -> str:
    """Store the manifest and point the name at it. Raises Invalid when a part is missing or is not an image's."""
    try:
        manifest = json.loads(body)
        parts = [manifest["config"], *manifest["layers"]]
        missing = [str(each["digest"]) for each in parts if not store.has(str(each["digest"]), int(each["size"]))]
        missing += [digest for digest in local_layers(manifest) if not store.blob_path(digest).exists()]
        if missing:
            raise Invalid(f"blob `{missing[0]}` of the image is not in the store")
        media_type = str(manifest["mediaType"])
        config = json.loads(store.verified(str(manifest["config"]["digest"])).read_bytes())
        if not isinstance(config["architecture"], str) or not isinstance(config["os"], str):
            raise TypeError
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Invalid("the body is not the manifest of an image") from None
    digest = store.put_blob(media_type, body).digest
    store.tag(digest, name)
    return digest
