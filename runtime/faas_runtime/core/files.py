"""Writing files so that a reader, and a machine after a crash, finds the old content or the new; locks of files."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_release: Callable[[], bool] | None = None
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the errors of a disk, or a quota, that is full."""


def use_reserve(release: Callable[[], bool] | None) -> None:
    """On a full disk, `write_file` calls `release`, and writes again if that returns True: it has made room."""
    global _release
    _release = release


def release_reserve() -> bool:
    """Make room on a full disk; False where there is no reserve, or none any more."""
    return _release is not None and _release()


def quarantine(path: Path, *others: Path) -> Path:
    """Rename a damaged file, and others that belong to it, out of the way; returns its new path. Raises OSError."""
    ending = f".damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
    for each in others:
        if each.exists():
            each.rename(each.with_name(each.name + ending))
    return path.rename(path.with_name(path.name + ending))


class NewFile:
    """A file that is being written under a temporary name; `publish` gives it its own."""

    def __init__(self, path: Path, stream: BinaryIO, durable: bool) -> None:
        self._path, self._durable = path, durable
        self.stream = stream

    def publish(self, target: Path) -> None:
        """Close the file and rename it to `target`, which must be in the same folder. Raises OSError."""
        self.stream.flush()
        if self._durable:
            os.fsync(self.stream.fileno())
        self.stream.close()
        self._path.rename(target)
        if self._durable:
            _sync_folder(target.parent)


@contextlib.contextmanager
def new_file(folder: Path, *, mode: int | None = None, durable: bool = True, parents: bool = True) -> Iterator[NewFile]:
    """Write a file whose name is known only at the end, as with a digest; a block without `publish` leaves nothing.

    The parameters are those of `write_file`.
    """
    if parents:
        _make_folder(folder, private=mode is not None and not mode & 0o077, durable=durable)
    path = folder / f".new-{os.urandom(8).hex()}"
    # The mode at creation is the final one less the umask: at no moment can more people read the file.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            if mode is not None:
                os.fchmod(handle, mode)
            yield NewFile(path, stream, durable)
    finally:
        with contextlib.suppress(FileNotFoundError):  # published
            path.unlink()


def write_file(
    path: Path, data: str | bytes, *, mode: int | None = None, durable: bool = True, parents: bool = True
) -> None:
    """Replace the content of a file; text is written as UTF-8. Raises OSError.

    `mode` holds the permission bits, whatever the umask; None keeps those of the present file, and leaves
    those of a new one to the umask. The folders of a file that only its owner can read are private, too.
    A symbolic link stays one: what it leads to is replaced. Missing folders are made unless `parents` is False.
    Once this returns, the new content survives a power failure; `durable=False` saves the time of that
    where the content can be made again, as in a cache.
    """
    if path.is_symlink():
        path = path.resolve()
    if mode is None:
        with contextlib.suppress(OSError):
            mode = path.stat().st_mode & 0o777
    content = data.encode() if isinstance(data, str) else data
    try:
        _replace(path, content, mode, durable, parents)
    except OSError as err:
        if err.errno not in FULL or not release_reserve():
            raise
        _replace(path, content, mode, durable, parents)


def _replace(path: Path, content: bytes, mode: int | None, durable: bool, parents: bool) -> None:
    with new_file(path.parent, mode=mode, durable=durable, parents=parents) as new:
        new.stream.write(content)
        new.publish(path)


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock of a folder or file against other processes that do; a missing file is made. Raises OSError.

    `waiting` is called when another process holds the lock. On a file system without locks none is held.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    handle = os.open(path, flags | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as err:
            if err.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
        yield
    finally:
        os.close(handle)


def _make_folder(folder: Path, *, private: bool, durable: bool) -> None:
    if folder.is_dir():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
    if durable:
        for made in missing:
            _sync_folder(made.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
