"""Installing a plugin: a program from an image, for this machine, verified by digest."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError, UsageError
from faas_cli.registry.client import Manifest, Registry
from faas_cli.registry.reference import Reference, parse_reference

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_PROGRAM_BYTES = 1 << 30
"""Maximum size of a program; a small archive can hold a very large file."""


@dataclass(frozen=True, slots=True)
class Platform:
    """An operating system and an architecture, as OCI spells them."""

    system: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.system}/{self.architecture}"


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a plugin is now, and the digest of the manifest it came from."""

    path: Path
    digest: str


def plugin_reference(name: str, registry: str, version: str) -> Reference:
    """The image of a plugin; a version is a tag or a digest. Raises UsageError for an invalid name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"`{name}` is not a valid plugin name")
    separator = "@" if version.startswith("sha256:") else ":"
    return parse_reference(f"{registry.strip('/')}/{name}{separator}{version}")


def install(name: str, image: Reference, platform: Platform, folder: Path) -> Installed:
    """Install the program `name` of an image into a folder, replacing an older one. Raises FaasError.

    Only that file is extracted: nothing else in the image may become a command.
    """
    registry = Registry(image.registry)
    manifest = _manifest_for(registry, image, platform)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".get-", dir=folder) as work:
        program = _extract(registry, image, _layers(manifest), name, Path(work))
        if program is None:
            raise FaasError(f"the image {image} has no program `{name}`")
        program.chmod(0o755)
        target = folder / name
        program.replace(target)
    return Installed(target, manifest.digest)


def _manifest_for(registry: Registry, image: Reference, platform: Platform) -> Manifest:
    manifest = registry.manifest(image.repository, image.manifest)
    entries: list[dict[str, Any]] = manifest.json().get("manifests") or []
    if not entries:
        _check_platform(registry, image, manifest, platform)
        return manifest
    offered = []
    for entry in entries:
        has = entry.get("platform") or {}
        found = Platform(str(has.get("os")), str(has.get("architecture")))
        if found == platform:
            return registry.manifest(image.repository, str(entry["digest"]))
        offered.append(str(found))
    raise FaasError(f"the image {image} is not built for {platform}", hint=f"it is for {', '.join(offered)}")


def _check_platform(registry: Registry, image: Reference, manifest: Manifest, platform: Platform) -> None:
    with tempfile.TemporaryDirectory(prefix="faas-plugin-") as work:
        path = Path(work) / "config"
        registry.fetch_blob(image.repository, str(manifest.json()["config"]["digest"]), path)
        config = json.loads(path.read_bytes())
    found = Platform(str(config.get("os")), str(config.get("architecture")))
    if found != platform:
        raise FaasError(f"the image {image} is not built for {platform}", hint=f"it is for {found}")


def _layers(manifest: Manifest) -> list[str]:
    """Digests from the top layer down: the first that has the program decides."""
    return [str(layer["digest"]) for layer in reversed(manifest.json()["layers"])]


def _extract(registry: Registry, image: Reference, layers: Sequence[str], name: str, work: Path) -> Path | None:
    for digest in layers:
        blob = work / "layer"
        registry.fetch_blob(image.repository, digest, blob)
        try:
            found = _program(blob, name, work / "program")
        except (tarfile.TarError, OSError, EOFError) as err:
            raise FaasError(f"a layer of {image} cannot be unpacked: {err}") from None
        if found:
            return work / "program"
    return None


def _program(layer: Path, name: str, target: Path) -> bool:
    """Copy the regular file called `name` out of a layer, wherever it is; False when there is none."""
    with tarfile.open(layer, "r|*") as archive:
        for entry in archive:
            if not entry.isreg() or Path(entry.name).name not in (name, f"faas-{name}"):
                continue
            if entry.size > _MAX_PROGRAM_BYTES:
                raise FaasError(f"`{entry.name}` is too large for a program: {entry.size} bytes")
            source = archive.extractfile(entry)
            if source is not None:
                with target.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                return True
    return False
