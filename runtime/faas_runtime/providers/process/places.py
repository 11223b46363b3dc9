"""Where the process engine keeps what it needs for running replicas, and who may read it.

Only a replica's `tmp` belongs to its function. Marks and sockets are kept apart from it, so that no function can
forge what a later gateway believes, or reach another replica past the gateway.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faas_runtime.core.paths import instance_name

# The maximum length of a Unix socket's path on Linux is 107 bytes; a socket's name here is that of its replica's token.
_MAX_FOLDER_BYTES = 90
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class ReplicaPlace:
    """The files of one replica."""

    folder: Path
    """Holds `tmp` and `secrets`, the only folders of the replica that its function sees."""
    mark: Path
    """Identifies its process, so that a later gateway can end it."""
    socket: Path
    """Where its watchdog answers; its folder is private to the gateway."""

    @property
    def tmp(self) -> Path:
        """The function's folder for temporary files."""
        return self.folder / "tmp"

    @property
    def secrets(self) -> Path:
        """The function's secrets, one file each."""
        return self.folder / "secrets"

    @property
    def root(self) -> Path:
        """An empty folder, over which the function's own root is mounted; nobody else sees that."""
        return self.folder / "root"

    def make(self) -> None:
        """Make the folders. Raises OSError."""
        for folder in (self.folder.parent, self.mark.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.mkdir(mode=0o700)
        self.tmp.mkdir(mode=0o700)
        self.root.mkdir(mode=0o700)

    def remove(self) -> None:
        """Delete everything of the replica."""
        self.socket.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        # Last: what is left after an interruption is found by it.
        self.mark.unlink(missing_ok=True)


class Places:
    """The folders of one state directory's process engine."""

    def __init__(self, state_dir: Path) -> None:
        self.root = state_dir / "process"
        self.rootfs = self.root / "rootfs"
        """Unpacked images; functions read them, and never write."""
        self.logs = self.root / "logs"
        self.replicas = self.root / "replicas"
        self.marks = self.root / "marks"
        self._state_dir = state_dir

    def replica(self, instance: str) -> ReplicaPlace:
        """The files of a replica, by its name, which ends in a token of its own. Raises OSError."""
        token = instance.rpartition("-")[2]
        return ReplicaPlace(self.replicas / instance, self.marks / f"{instance}.json", self.sockets() / token)

    def sockets(self) -> Path:
        """The folder of sockets: in the state directory if its path is short enough, else a temporary one.

        Raises OSError.
        """
        folder = self.root / "s"
        if len(os.fsencode(folder)) > _MAX_FOLDER_BYTES:
            # The same for each gateway of this state directory: a crash leaves nothing that is not used again.
            folder = Path(tempfile.gettempdir()) / f"faas-{os.geteuid()}-{instance_name(self._state_dir)}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o170077 != 0o040000:
            raise PermissionError(f"{folder} must be a folder of this user that nobody else can open")
        return folder

    def close(self) -> None:
        """Remove the folder of sockets, unless another gateway has replicas in it."""
        with contextlib.suppress(OSError):
            self.sockets().rmdir()


def listening_socket(path: Path) -> socket.socket:
    """A listening Unix socket at a path of a private folder. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(os.fsencode(path))
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def write_secrets(place: ReplicaPlace, secrets: Mapping[str, bytes], user: int = 0) -> None:
    """Write secrets as files that only `user` (0 for this process's) can read. Raises OSError. Blocking.

    Everything is opened relative to a folder's descriptor and without following links: where functions run as the
    gateway's user, one could put a link in the way, and have the gateway write anywhere.
    """
    parent = _open_folder(place.folder)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(place.secrets.name, 0o700, dir_fd=parent)
        folder = _open_folder(place.secrets.name, parent)
    finally:
        os.close(parent)
    try:
        if user:
            os.fchown(folder, 0, user)
            os.fchmod(folder, 0o750)
        for name, value in secrets.items():
            _write_secret(folder, name, value, user)
    finally:
        os.close(folder)


def _write_secret(folder: int, name: str, value: bytes, user: int) -> None:
    temporary = f".new-{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o400, dir_fd=folder), "wb") as stream:
        if user:
            os.fchown(stream.fileno(), 0, user)
            os.fchmod(stream.fileno(), 0o440)
        stream.write(value)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _open_folder(path: Path | str, parent: int | None = None) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
