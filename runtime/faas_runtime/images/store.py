"""The local image store: an OCI image layout, written by builders and read by the process engine.

One layout for all images of a user. `index.json` names each manifest by the annotation
`org.opencontainers.image.ref.name`; blobs are content-addressed under `blobs/sha256/`.
Several processes may use it at once: blobs are renamed into place, the index is changed
under a lock. Format: OCI image specification 1.1, image-layout.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from faas_runtime.core.files import locked, new_file, write_file
from faas_runtime.core.records import report_damage
from faas_runtime.images.interpreter import LOCAL_LAYER, local_layers
from faas_runtime.images.unpack import unpack_layer

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"
BASE_NAME = "org.opencontainers.image.base.name"
"""Annotation with the base image's name; the base's layers are added when the image is pushed."""

LOCAL_SUFFIX = "-local"
"""Ends the name of an unpacked image's folder that has packages for this machine."""

_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")

Json = dict[str, Any]


class ImageNotFound(LookupError):
    """The store holds no image of that name or digest; the message names it."""


class DamagedBlob(ImageNotFound):
    """A blob's content does not match its digest. It was removed, so that the next build makes it again."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at a blob: its media type, `sha256:...` digest and size in bytes."""

    media_type: str
    digest: str
    size: int

    def as_json(self) -> Json:
        """The descriptor as manifests and indexes spell it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image's configuration and the digest of its manifest: what is needed to run it."""

    digest: str
    env: Mapping[str, str]
    working_dir: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    labels: Mapping[str, str]
    architecture: str
    annotations: Mapping[str, str]


class BlobWriter:
    """Writes a blob and computes its digest. Use as `with store.new_blob(type) as blob`."""

    def __init__(self, stream: BinaryIO, media_type: str) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self._size = 0
        self._media_type = media_type

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; returns their number."""
        self._hash.update(data)
        self._size += len(data)
        self._stream.write(data)
        return len(data)

    @property
    def descriptor(self) -> Descriptor:
        """Digest and size of the bytes written so far."""
        return Descriptor(self._media_type, f"sha256:{self._hash.hexdigest()}", self._size)


def full_reference(ref: str) -> str:
    """The reference as Docker prints it: `gohash` is `gohash:latest`, `docker.io/library/a` is `a:latest`.

    A digest needs no tag.
    """
    registry, slash, rest = ref.partition("/")
    ref = rest if slash and registry in _HUB_NAMES else ref
    ref = ref.removeprefix("library/")
    last = ref.rsplit("/", 1)[-1]
    return ref if ":" in last or "@" in last else f"{ref}:latest"


def canonical_json(value: object) -> bytes:
    """Reproducible JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class ImageStore:
    """The images in one folder, which is created with the first image."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs" / "sha256"

    def blob_path(self, digest: str) -> Path:
        """Path of a blob, whether or not it exists. Raises ImageNotFound for an invalid digest."""
        algorithm, _, encoded = digest.partition(":")
        if algorithm != "sha256" or len(encoded) != 64 or not set(encoded) <= set("0123456789abcdef"):
            raise ImageNotFound(f"`{digest}` is not a sha256 digest")
        return self._blobs / encoded

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is in the store, with all of its `size` bytes."""
        try:
            return self.blob_path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def verified(self, digest: str) -> Path:
        """Path of a blob whose content was checked against its digest. Raises ImageNotFound, DamagedBlob."""
        path = self.blob_path(digest)
        try:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            raise ImageNotFound(f"there is no image `{digest}` in the local store") from None
        if f"sha256:{found}" != digest:
            path.unlink(missing_ok=True)
            raise DamagedBlob(f"`{digest}` in the local store was damaged and has been removed; build the image again")
        return path

    @contextlib.contextmanager
    def new_blob(self, media_type: str) -> Iterator[BlobWriter]:
        """Write a blob; it appears under its digest, complete, when the block ends."""
        self._prepare()
        with new_file(self._blobs, mode=0o644, durable=False) as new:
            writer = BlobWriter(new.stream, media_type)
            yield writer
            new.publish(self.blob_path(writer.descriptor.digest))

    def put_blob(self, media_type: str, data: bytes) -> Descriptor:
        """Store bytes as a blob."""
        descriptor = Descriptor(media_type, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
        if not self.has(descriptor.digest, descriptor.size):
            with self.new_blob(media_type) as blob:
                blob.write(data)
        return descriptor

    def put_image(
        self, ref: str, config: Json, layers: Sequence[Descriptor], annotations: Mapping[str, str] | None = None
    ) -> str:
        """Name an image whose layers are in the store; returns the digest of its manifest.

        The image that had this name before stays reachable by its digest until `prune`.
        """
        manifest: Json = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.put_blob(CONFIG_TYPE, canonical_json(config)).as_json(),
            "layers": [layer.as_json() for layer in layers],
        }
        if annotations:
            manifest["annotations"] = dict(annotations)
        descriptor = self.put_blob(MANIFEST_TYPE, canonical_json(manifest))
        self._point(ref, descriptor, config)
        return descriptor.digest

    def tag(self, digest: str, ref: str) -> None:
        """Give an image in the store another name. Raises ImageNotFound."""
        config = self._json(self.manifest(digest)["config"]["digest"])
        size = self.blob_path(digest).stat().st_size
        self._point(ref, Descriptor(MANIFEST_TYPE, digest, size), config)

    def _point(self, ref: str, manifest: Descriptor, config: Json) -> None:
        name = full_reference(ref)
        platform = {"architecture": config["architecture"], "os": config["os"]}
        entry = {**manifest.as_json(), "platform": platform, "annotations": {REF_NAME: name}}
        with self._locked():
            index = self._index()
            others = [old for old in index["manifests"] if _name(old) != name]
            self._write_index({**index, "manifests": [*others, entry]})

    def resolve(self, ref: str) -> ImageInfo:
        """The image of that name, or `name@sha256:...`. Raises ImageNotFound."""
        if "@" in ref:
            return self.resolve_digest(ref.rpartition("@")[2])
        return self.resolve_digest(self.digest_of(ref))

    def digest_of(self, ref: str) -> str:
        """Digest of the manifest with this name. Raises ImageNotFound."""
        name = full_reference(ref)
        for entry in self._index()["manifests"]:
            if _name(entry) == name:
                return cast(str, entry["digest"])
        raise ImageNotFound(f"there is no image `{name}` in the local store")

    def resolve_digest(self, digest: str) -> ImageInfo:
        """The image whose manifest has this digest. Raises ImageNotFound."""
        manifest = self.manifest(digest)
        config = self._json(manifest["config"]["digest"])
        run = config.get("config") or {}
        pairs = (entry.partition("=") for entry in run.get("Env") or [])
        return ImageInfo(
            digest=digest,
            env={name: value for name, _, value in pairs},
            working_dir=run.get("WorkingDir") or "/",
            entrypoint=tuple(run.get("Entrypoint") or ()),
            cmd=tuple(run.get("Cmd") or ()),
            labels=run.get("Labels") or {},
            architecture=config.get("architecture") or "",
            annotations=manifest.get("annotations") or {},
        )

    def manifest(self, digest: str) -> Json:
        """An image's manifest. Raises ImageNotFound."""
        return self._json(digest)

    def references(self) -> dict[str, str]:
        """Every name in the store with its manifest's digest."""
        return {_name(entry): entry["digest"] for entry in self._index()["manifests"] if _name(entry)}

    def remove(self, ref: str) -> None:
        """Remove a name. Raises ImageNotFound."""
        self.digest_of(ref)
        with self._locked():
            index = self._index()
            kept = [entry for entry in index["manifests"] if _name(entry) != full_reference(ref)]
            self._write_index({**index, "manifests": kept})

    def unpack(self, digest: str, into: Path, *, local: bool = False) -> Path:
        """Unpack an image's root file system to a folder below `into`, once per digest; returns the folder.

        With `local`, the layer that the image has for this machine replaces that for its base.
        Files keep their modes and belong to the calling user; devices are skipped.
        Raises ImageNotFound, DamagedBlob; ValueError when an entry of a layer is outside its root, or the image is
        larger or deeper than allowed; OSError.
        """
        target = into / (digest.partition(":")[2] + LOCAL_SUFFIX * local)
        if target.exists():
            return target
        manifest = self.manifest(digest)
        layers = [layer["digest"] for layer in manifest["layers"]]
        if local:
            replaced, substitute = manifest["annotations"][LOCAL_LAYER].split()[:2]
            layers = [substitute if layer == replaced else layer for layer in layers]
        into.mkdir(parents=True, exist_ok=True)
        # A folder in a folder: whatever a layer's names lead to, the neighbours are not other images.
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=into))
        root = work / "root"
        try:
            root.mkdir()
            for layer in layers:
                unpack_layer(self.verified(layer), root)
            root.chmod(0o755)
            try:
                root.rename(target)
            except OSError:
                if not target.exists():  # else another process unpacked the same image first
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return target

    def prune(self, keep: Sequence[str] = (), older_than: float = 3600.0) -> int:
        """Delete blobs that no name refers to; returns the freed bytes.

        `keep` are digests of manifests in use. Blobs younger than `older_than` seconds stay:
        a running build may be about to refer to them.
        """
        if not self._blobs.exists():
            return 0
        with self._locked():
            alive: set[str] = set()
            for digest in {*self.references().values(), *keep}:
                with contextlib.suppress(ImageNotFound):
                    manifest = self.manifest(digest)
                    alive |= {digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])}
                    alive |= set(local_layers(manifest))
            return sum(
                _unlink_older(path, older_than) for path in self._blobs.iterdir() if f"sha256:{path.name}" not in alive
            )

    def _prepare(self) -> None:
        if not (self.root / "oci-layout").exists():
            self._blobs.mkdir(parents=True, exist_ok=True)
            write_file(self.root / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', mode=0o644, durable=False)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._prepare()
        with locked(self.root / ".lock"):
            yield

    def _index(self) -> Json:
        try:
            return cast(Json, json.loads((self.root / "index.json").read_bytes()))
        except FileNotFoundError:
            pass
        except ValueError as error:
            report_damage(self.root / "index.json", "the names of images are lost; build them again", error)
        return {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}

    def _write_index(self, index: Json) -> None:
        write_file(self.root / "index.json", canonical_json(index), mode=0o644, durable=False)

    def _json(self, digest: str) -> Json:
        return cast(Json, json.loads(self.verified(digest).read_bytes()))


def _name(entry: Json) -> str:
    return cast(str, (entry.get("annotations") or {}).get(REF_NAME, ""))


def _unlink_older(path: Path, seconds: float) -> int:
    status = path.stat()
    if time.time() - status.st_mtime < seconds:
        return 0
    path.unlink()
    return status.st_size
