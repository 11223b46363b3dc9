"""Uploading images of the local store to a gateway that runs images but has a store of its own."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from faas_cli.console import current_console
from faas_cli.errors import FaasError
from faas_runtime.core.paths import default_state_dir, images_dir
from faas_runtime.images.interpreter import local_layers
from faas_runtime.images.store import ImageNotFound, ImageStore, full_reference

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient

_MEBIBYTE = 1024 * 1024


class ImageUploads:
    """Uploads of one deployment: the gateway is asked once which images it has."""

    def __init__(self, client: GatewayClient) -> None:
        self._client = client

    @functools.cached_property
    def _known(self) -> dict[str, str] | None:
        return self._client.images()

    def upload(self, image: str) -> None:
        """Upload what the gateway's store lacks of an image; nothing where the gateway has no store, or we no image.

        Raises FaasError for a damaged image, GatewayError when the gateway refuses it.
        """
        store = ImageStore(images_dir(default_state_dir()))
        try:
            digest = store.digest_of(image)
        except ImageNotFound:
            return
        known, client = self._known, self._client
        if known is None or known.get(full_reference(image)) == digest:
            return
        try:
            path = store.verified(digest)
            manifest = store.manifest(digest)
            blobs = [part["digest"] for part in (manifest["config"], *manifest["layers"])]
            missing = [each for each in dict.fromkeys([*blobs, *local_layers(manifest)]) if not client.has_blob(each)]
            paths = {each: store.verified(each) for each in missing}
        except ImageNotFound as err:
            raise FaasError(f"`{image}` cannot be uploaded: {err}", hint="build it again: `faas build`") from None
        size = sum(each.stat().st_size for each in paths.values())
        current_console().progress(f"Uploading {image} to {client.gateway}: {size / _MEBIBYTE:.1f} MiB")
        for each, blob in paths.items():
            client.put_blob(each, blob)
        client.put_image(image, path.read_bytes())
        known[full_reference(image)] = digest
