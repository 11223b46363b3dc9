"""Unpacking untrusted image layers to a folder.

No entry of a layer is written, or removed, outside the folder, and what an image may become on disk is limited.
Whiteouts are those of the OCI image specification, layer.md.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_METADATA = ".wh..wh."
"""Begins names that union file systems use for themselves; like Docker, nothing is made of them."""

MAX_DEPTH = 200
"""Maximum number of folders above a file. Programs that walk a tree call themselves for each."""
MAX_RATIO = 100
"""How many times its own size a layer may become; real software becomes 2 to 10 times as large."""
ALWAYS_ALLOWED_BYTES = 64 << 20
"""What a layer may become whatever its own size."""
_ENTRY_BYTES = 4096
"""What an entry costs apart from its content: millions of empty files fill a disk, too."""
_MAX_READ_BYTES = 16 << 20
"""Largest piece of an archive that is in memory; only a malicious entry's extended header is larger."""
_OPENERS: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ", lzma.LZMAFile),
)


def unpack_layer(blob: Path, root: Path) -> None:
    """Apply one layer (a tar file, plain or compressed) to the folder `root`.

    Devices, pipes and ownership are skipped: they need privileges.
    Raises ValueError when an entry would be outside `root`, or the layer is larger or deeper than allowed.
    """
    room = _Room(ALWAYS_ALLOWED_BYTES + MAX_RATIO * blob.stat().st_size)
    try:
        with blob.open("rb") as stream, tarfile.open(fileobj=_opened(stream, room), mode="r:") as archive:
            for member in archive:
                room.take(member.size + _ENTRY_BYTES)
                _apply(archive, member, root)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise ValueError(f"a layer is damaged: {error}") from None


class _Room:
    """How much a layer may still become."""

    def __init__(self, limit: int) -> None:
        self.limit = self._left = limit

    def take(self, size: int) -> None:
        """Raises ValueError when there is no more room."""
        self._left -= size
        if self._left < 0:
            raise self.exceeded()

    def exceeded(self) -> ValueError:
        """The layer is too large."""
        return ValueError(f"a layer becomes larger than {self.limit >> 20} MiB, more than {MAX_RATIO} times its size")


class _Bounded(io.RawIOBase):
    """The content of an archive, of which only so much is read."""

    def __init__(self, stream: IO[bytes], room: _Room) -> None:
        self._stream = stream
        # Headers and padding come on top of what is written.
        self._limit, self._room = 2 * room.limit, room

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise ValueError("a layer has a header of an absurd size")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if offset > self._limit:
            raise self._room.exceeded()
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _opened(stream: BinaryIO, room: _Room) -> IO[bytes]:
    start = stream.read(6)
    stream.seek(0)
    opener = next((opener for magic, opener in _OPENERS if start.startswith(magic)), None)
    return cast(IO[bytes], _Bounded(stream if opener is None else opener(stream), room))


def _apply(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    target = _inside(root, member.name)
    if target == root:
        return
    if target.name == _OPAQUE:
        for child in target.parent.iterdir() if target.parent.exists() else ():
            _remove(child)
        return
    if target.name.startswith(_WHITEOUT):
        _whiteout(target, member.name)
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


def _whiteout(marker: Path, name: str) -> None:
    if marker.name.startswith(_METADATA):
        return
    removed = marker.name.removeprefix(_WHITEOUT)
    if removed in ("", ".", ".."):
        raise ValueError(f"the layer removes what is not an entry of a folder: `{name}`")
    _remove(marker.parent / removed)


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None
    with source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1024 * 1024)
    target.chmod(member.mode & 0o777)


def _inside(root: Path, name: str) -> Path:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise ValueError(f"the layer has an entry outside its root: {name!r}")
    if any(part.startswith(_WHITEOUT) for part in parts[:-1]):
        raise ValueError(f"the layer has an entry below a whiteout: {name!r}")
    target = root.joinpath(*parts)
    try:
        # A symbolic link of an earlier entry must not lead outside the folder.
        folder, top = target.parent.resolve(), root.resolve()
    except (OSError, RuntimeError):  # links in a circle, or a name that is too long
        raise ValueError(f"the layer has an entry that leads nowhere: `{name[:200]}`") from None
    if target != root and not folder.is_relative_to(top):
        raise ValueError(f"the layer writes through a link that leaves its root: `{name}`")
    if len(folder.parts) - len(top.parts) > MAX_DEPTH:
        raise ValueError(f"the layer has more than {MAX_DEPTH} folders inside each other: `{name[:200]}...`")
    return target


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
