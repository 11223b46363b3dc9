"""Writing files as image layers whose bytes depend on nothing but their content.

Entries are sorted, belong to root, and carry no time of day; the same files give the same digest.
"""

from __future__ import annotations

import fnmatch
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from faas_runtime.images.store import LAYER_TYPE, Descriptor, ImageStore


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a layer: from a file, from bytes, or (neither) a folder. `link` makes it a symbolic link."""

    path: str
    mode: int
    source: Path | None = None
    content: bytes | None = None
    link: str = ""


def write_layer(store: ImageStore, entries: Iterable[Entry]) -> Descriptor:
    """Store a layer made of these entries and the folders above them."""
    wanted = {entry.path: entry for entry in entries}
    for path in list(wanted):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                wanted.setdefault(str(parent), Entry(str(parent), 0o755))
    with store.new_blob(LAYER_TYPE) as blob:
        with tarfile.open(
            fileobj=cast(IO[bytes], blob), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20
        ) as archive:
            for path in sorted(wanted):
                _add(archive, wanted[path])
    return blob.descriptor


def collect(folder: Path, names: Iterable[str], prefix: str, exclude: Iterable[str] = ()) -> list[Entry]:
    """Entries for files and folders `names` of `folder`, placed below `prefix`.

    Patterns of `exclude` match a name anywhere, or a path from `folder` when they hold a `/`.
    """
    patterns = tuple(exclude)
    found: list[Entry] = []
    for name in names:
        _collect(folder / name, name, prefix, patterns, found)
    return found


def _collect(path: Path, name: str, prefix: str, patterns: tuple[str, ...], found: list[Entry]) -> None:
    if any(fnmatch.fnmatchcase(name if "/" in pattern else path.name, pattern) for pattern in patterns):
        return
    target = f"{prefix}/{name}"
    if path.is_symlink():
        found.append(Entry(target, 0o777, link=str(path.readlink())))
    elif path.is_dir():
        found.append(Entry(target, 0o755))
        for child in path.iterdir():
            _collect(child, f"{name}/{child.name}", prefix, patterns, found)
    elif path.exists():
        found.append(Entry(target, 0o755 if path.stat().st_mode & 0o100 else 0o644, source=path))


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
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
