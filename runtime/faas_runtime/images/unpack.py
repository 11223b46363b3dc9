"""Unpacking untrusted image layers to a folder.

No entry of a layer is written outside the folder. Whiteouts are those of the OCI image specification, layer.md.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def unpack_layer(blob: Path, root: Path) -> None:
    """Apply one layer (plain or gzip tar) to the folder `root`.

    Devices, pipes and ownership are skipped: they need privileges.
    Raises ValueError when an entry would be written outside `root`.
    """
    with tarfile.open(blob, "r:*") as archive:
        for member in archive:
            _apply(archive, member, root)


def _apply(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    target = _inside(root, member.name)
    if target == root:
        return
    if target.name == _OPAQUE:
        for child in target.parent.iterdir() if target.parent.exists() else ():
            _remove(child)
        return
    if target.name.startswith(_WHITEOUT):
        _remove(target.with_name(target.name[len(_WHITEOUT) :]))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        if target.is_symlink() or not target.is_dir():
            _remove(target)
            target.mkdir()
        # The owner must be able to write to it and to delete it.
        target.chmod((member.mode & 0o777) | 0o700)
    elif member.isreg():
        _remove(target)
        _write_file(archive, member, target)
    elif member.issym():
        _remove(target)
        target.symlink_to(member.linkname)
    elif member.islnk():
        source = _inside(root, member.linkname)
        _remove(target)
        os.link(source, target, follow_symlinks=False)


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None
    with source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1024 * 1024)
    target.chmod(member.mode & 0o777)


def _inside(root: Path, name: str) -> Path:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"the layer has an entry outside its root: `{name}`")
    target = root.joinpath(*parts)
    # A symbolic link of an earlier entry must not lead outside the folder.
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"the layer writes through a link that leaves its root: `{name}`")
    return target


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
