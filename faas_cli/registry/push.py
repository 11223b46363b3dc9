"""Pushing an image of the local store to a registry, without an engine.

Layers are stored uncompressed, so that the same input gives the same digest everywhere; for a push they
are compressed, reproducibly, too. If the function has a base image (Python, Node), its layers are added
here: mounted or copied by digest, never unpacked.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from faas_cli.errors import FaasError
from faas_cli.interrupt import on_interrupt, scratch_folder
from faas_cli.registry.client import Manifest, Registry
from faas_cli.registry.reference import Reference, parse_reference
from faas_runtime.core.files import new_file
from faas_runtime.images.interpreter import LOCAL_LAYER
from faas_runtime.images.store import (
    BASE_NAME,
    CONFIG_TYPE,
    INDEX_TYPE,
    MANIFEST_TYPE,
    BlobWriter,
    Descriptor,
    ImageStore,
    canonical_json,
)

GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
BASE_DIGEST = "org.opencontainers.image.base.digest"

_PARALLEL = 4
_LEVEL = 6


class Push:
    """The push of one image to one registry.

    `blob_done` is called for every blob with its digest and the outcome, in words.
    `blob_progress` is called with the digest, the bytes done and the total while a layer is compressed, fetched from
    another registry or sent.
    `waiting` is called with a line for the user when a registry has been silent for a while.
    """

    def __init__(
        self,
        store: ImageStore,
        cache: Path,
        image: str,
        blob_done: Callable[[str, str], object] = lambda digest, outcome: None,
        blob_progress: Callable[[str, int, int], object] = lambda digest, done, size: None,
        waiting: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._store, self._cache = store, cache
        self._blob_done, self._blob_progress = blob_done, blob_progress
        self._target = parse_reference(image)
        self._waiting = waiting
        self._registry = Registry(self._target.registry, push=True, waiting=waiting)
        self._image = image
        self._stopped = threading.Event()

    def run(self, *, target: str = "", tagged: bool = True) -> Manifest:
        """Push, and return the manifest as pushed. Raises ImageNotFound, FaasError.

        `target` is another name to push to; without `tagged` only the digest refers to the manifest, for an index.
        """
        with on_interrupt(self._stopped.set):
            return self._run(target, tagged)

    def _run(self, target: str, tagged: bool) -> Manifest:
        if target:
            self._target = parse_reference(target)
            self._registry = Registry(self._target.registry, push=True, waiting=self._waiting)
        digest = self._store.digest_of(self._image)
        manifest = self._store.manifest(digest)
        config = json.loads(self._store.verified(manifest["config"]["digest"]).read_bytes())
        annotations = dict(manifest.get("annotations") or {})
        annotations.pop(LOCAL_LAYER, None)  # only this machine has it
        layers = [self._compressed(layer["digest"]) for layer in manifest["layers"]]
        base_layers: list[dict[str, Any]] = []
        if BASE_NAME in annotations:
            base_layers = self._put_base(annotations, config)
        self._upload_all([(layer, path) for layer, path in layers])
        config_bytes = canonical_json(config)
        described = self._put_bytes(config_bytes)
        content = canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": described.as_json(),
                "layers": [*base_layers, *(layer.as_json() for layer, _ in layers)],
                **({"annotations": annotations} if annotations else {}),
            }
        )
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        reference = self._target.tag if tagged else digest
        self._registry.put_manifest(self._target.repository, reference, content, MANIFEST_TYPE)
        return Manifest(content, MANIFEST_TYPE, digest)

    def _compressed(self, digest: str) -> tuple[Descriptor, Path]:
        """The compressed layer, cached under both digests, so that a damaged file is found."""
        folder, prefix = self._cache / "compressed", digest.partition(":")[2]
        for path in folder.glob(f"{prefix}-*.gz"):
            if (total := _sha256(path)) == path.stem.rpartition("-")[2]:
                return Descriptor(GZIP_LAYER, f"sha256:{total}", path.stat().st_size), path
            path.unlink()
        with new_file(folder, durable=False) as sink:
            blob = BlobWriter(sink.stream, GZIP_LAYER)
            out = cast(BinaryIO, blob)
            with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=_LEVEL, mtime=0, filename="") as squeezed:
                whole = self._store.verified(digest)
                with whole.open("rb") as source:
                    while piece := source.read(1 << 20):
                        squeezed.write(piece)
                        self._moved(digest, whole.stat().st_size, source.tell())
            path = folder / f"{prefix}-{blob.descriptor.digest.partition(':')[2]}.gz"
            sink.publish(path)
        return blob.descriptor, path

    def _upload_all(self, blobs: list[tuple[Descriptor, Path]]) -> None:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            for finished in [pool.submit(self._upload, blob, path) for blob, path in blobs]:
                finished.result()

    def _upload(self, blob: Descriptor, path: Path) -> None:
        if self._registry.has_blob(self._target.repository, blob.digest):
            self._blob_done(blob.digest, "already exists")
            return
        self._send(blob.digest, path)
        self._blob_done(blob.digest, "pushed")

    def _send(self, digest: str, path: Path) -> None:
        size = path.stat().st_size
        self._moved(digest, size, 0)
        self._registry.upload(self._target.repository, digest, path, partial(self._moved, digest, size))

    def _moved(self, digest: str, size: int, done: int) -> None:
        """Report bytes that were compressed, received or sent. Raises FaasError once the push is stopped."""
        if self._stopped.is_set():
            raise FaasError(f"the push of `{self._image}` was stopped")
        self._blob_progress(digest, done, size)

    def _put_bytes(self, content: bytes) -> Descriptor:
        described = Descriptor(CONFIG_TYPE, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        with scratch_folder() as folder:
            (folder / "config").write_bytes(content)
            self._upload(described, folder / "config")
        return described

    def _put_base(self, annotations: dict[str, str], config: dict[str, Any]) -> list[dict[str, Any]]:
        """Copy the base's layers to the target repository and complete the configuration; returns their descriptors."""
        reference = parse_reference(annotations[BASE_NAME])
        same = reference.registry == self._target.registry
        source = self._registry if same else Registry(reference.registry, waiting=self._waiting)
        manifest, digest = for_platform(source, reference, config["architecture"])
        annotations[BASE_DIGEST] = digest
        with ThreadPoolExecutor(_PARALLEL) as pool:
            jobs = [pool.submit(self._copy_layer, source, reference, layer) for layer in manifest["layers"]]
            for job in jobs:
                job.result()
        with scratch_folder() as folder:
            path = folder / "config"
            source.fetch_blob(reference.repository, manifest["config"]["digest"], path)
            _add_base(json.loads(path.read_bytes()), config)
        return list(manifest["layers"])

    def _copy_layer(self, source: Registry, reference: Reference, layer: dict[str, Any]) -> None:
        digest = layer["digest"]
        repository = self._target.repository
        if self._registry.has_blob(repository, digest):
            self._blob_done(digest, "already exists")
            return
        if source is self._registry and self._registry.mount(repository, digest, reference.repository):
            self._blob_done(digest, "mounted")
            return
        with scratch_folder() as folder:
            path = folder / "layer"
            received = partial(self._moved, digest, layer.get("size", 0))
            source.fetch_blob(reference.repository, digest, path, received)
            self._send(digest, path)
        self._blob_done(digest, "copied")


def put_index(image: str, manifests: Mapping[str, Manifest], extra_tags: Sequence[str] = ()) -> str:
    """Push an index of already pushed manifests, by architecture; returns its digest. Raises FaasError."""
    target = parse_reference(image)
    registry = Registry(target.registry, push=True)
    entries = [
        {
            "mediaType": manifest.media_type,
            "digest": manifest.digest,
            "size": len(manifest.content),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, manifest in sorted(manifests.items())
    ]
    content = canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
    for tag in (target.tag, *extra_tags):
        digest = registry.put_manifest(target.repository, tag, content, INDEX_TYPE)
    return digest


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def for_platform(registry: Registry, reference: Reference, architecture: str) -> tuple[dict[str, Any], str]:
    """The manifest of the base for one architecture, and its digest."""
    found = registry.manifest(reference.repository, reference.manifest)
    content = found.json()
    if "manifests" not in content:
        return content, found.digest
    for entry in content["manifests"]:
        platform = entry.get("platform") or {}
        if platform.get("os") == "linux" and platform.get("architecture") == architecture:
            return registry.manifest(reference.repository, entry["digest"]).json(), entry["digest"]
    raise FaasError(f"the base image {reference} does not exist for linux/{architecture}")


def _add_base(base: dict[str, Any], config: dict[str, Any]) -> None:
    """Extend `config` by the base's configuration, for an image with the base's layers at the bottom."""
    below, ours = base.get("config") or {}, config["config"]
    names = {entry.partition("=")[0] for entry in ours.get("Env") or []}
    ours["Env"] = [*(e for e in below.get("Env") or [] if e.partition("=")[0] not in names), *(ours.get("Env") or [])]
    ours["Labels"] = {**(below.get("Labels") or {}), **(ours.get("Labels") or {})}
    config["rootfs"]["diff_ids"] = [*base["rootfs"]["diff_ids"], *config["rootfs"]["diff_ids"]]
    config["history"] = [*(base.get("history") or []), *(config.get("history") or [])]
