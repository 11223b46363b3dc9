"""From a deployment to a spec that can be started: everything is looked up and checked before anything runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import Invalid
from faas_runtime.images.store import ImageInfo, ImageNotFound, ImageStore
from faas_runtime.providers.common.annotations import watchdog_settings
from faas_runtime.providers.common.limits import check_resources
from faas_runtime.providers.common.namespaces import NamespaceBook
from faas_runtime.providers.common.secrets import SecretStore
from faas_runtime.providers.process.spec import ReplicaSpec, build_spec


class Preparer:
    """Finds what a deployment names: its image, unpacked below `rootfs`, and its secrets."""

    def __init__(self, images: ImageStore, rootfs: Path, secrets: SecretStore, namespaces: NamespaceBook) -> None:
        self._images = images
        self._rootfs = rootfs
        self._secrets = secrets
        self._namespaces = namespaces

    async def spec(self, deployment: FunctionDeployment) -> ReplicaSpec:
        """The spec of a new deployment; its digest is fixed from now on. Raises Invalid."""
        self._namespaces.check(deployment.namespace)
        watchdog_settings(deployment)
        check_resources(deployment)
        try:
            image = await asyncio.to_thread(self._images.resolve, deployment.image)
        except ImageNotFound:
            reason = f"image `{deployment.image}` is not in the local store: build it with `faas build`"
            raise Invalid(reason) from None
        return await self._spec(deployment, image)

    async def spec_of(self, deployment: FunctionDeployment, digest: str) -> ReplicaSpec:
        """The spec of a deployment that was accepted earlier, with the image it had. Raises Invalid."""
        try:
            image = await asyncio.to_thread(self._images.resolve_digest, digest)
        except ImageNotFound as missing:
            raise Invalid(f"{missing}: build and deploy the function again") from None
        return await self._spec(deployment, image)

    async def _spec(self, deployment: FunctionDeployment, image: ImageInfo) -> ReplicaSpec:
        values = await asyncio.to_thread(self._secrets.values, list(deployment.secrets), deployment.namespace)
        try:
            rootfs = await asyncio.to_thread(self._images.unpack, image.digest, self._rootfs)
        except (OSError, ValueError, LookupError) as err:
            raise Invalid(f"image `{deployment.image}` cannot be unpacked: {err}") from None
        return build_spec(deployment, image, rootfs, values)
