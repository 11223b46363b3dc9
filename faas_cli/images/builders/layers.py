"""Writing files as reproducible image layers.

Entries are sorted, owned by root, and have no modification time; the same files give the same digest.
"""

from __future__ import annotations

import fnmatch
import io
import tarfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from faas_cli.errors import BuildError
from faas_cli.interrupt import on_interrupt
from faas_runtime.images.store import LAYER_TYPE, Descriptor, ImageStore


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One entry of a layer: a file's copy (`source`), bytes (`content`), a symbolic link (`link`), else a folder."""

    path: str
    mode: int
    source: Path | None = None
    content: bytes | None = None
    link: str = ""


def write_layer(store: ImageStore, entries: Iterable[LayerEntry]) -> Descriptor:
    """Store a layer with these entries and their parent folders. Raises BuildError when the program is interrupted."""
    stopped = threading.Event()
    by_path = {entry.path: entry for entry in entries}
    for path in list(by_path):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                by_path.setdefault(str(parent), LayerEntry(str(parent), 0o755))
    with on_interrupt(stopped.set), store.new_blob(LAYER_TYPE) as blob:
        with tarfile.open(
            fileobj=cast(IO[bytes], blob), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20
        ) as archive:
            for path in sorted(by_path):
                if stopped.is_set():
                    raise BuildError("the build was stopped")
                _add(archive, by_path[path])
    return blob.descriptor


def collect(folder: Path, names: Iterable[str], prefix: str, exclude: Iterable[str] = ()) -> list[LayerEntry]:
    """Entries for files and folders `names` of `folder`, placed below `prefix`.

    A pattern of `exclude` matches names at any depth, or, if it contains a `/`, paths relative to `folder`.
    """
    patterns = tuple(exclude)
    found: list[LayerEntry] = []
    for name in names:
        _collect(folder / name, name, prefix, patterns, found)
    return found


def _collect(path: Path, name: str, prefix: str, patterns: tuple[str, ...], found: list[LayerEntry]) -> None:
    if any(fnmatch.fnmatchcase(name if "/" in pattern else path.name, pattern) for pattern in patterns):
        return
    target = f"{prefix}/{name}"
    if path.is_symlink():
        found.append(LayerEntry(target, 0o777, link=str(path.readlink())))
    elif path.is_dir():
        found.append(LayerEntry(target, 0o755))
        for child in path.iterdir():
            _collect(child, f"{name}/{child.name}", prefix, patterns, found)
    elif path.exists():
        found.append(LayerEntry(target, 0o755 if path.stat().st_mode & 0o100 else 0o644, source=path))


def _add(archive: tarfile.TarFile, entry: LayerEntry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        archive.addfile(info)
    elif entry.source is not None:
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as stream:
            archive.addfile(info, stream)
    elif entry.content is not None:
        info.size = len(entry.content)
        archive.addfile(info, io.BytesIO(entry.content))
    else:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
