"""The gateway's own files in the state directory: lock, password, and the description of the running gateway."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec

from faas_runtime.core.errors import Invalid
from faas_runtime.core.files import write_file

USER = "admin"
"""User of the account that is made at the first start."""
PASSWORD_FILE = "basic-auth-password"  # noqa: S105
USERS_FILE = "users.htpasswd"
"""Further accounts; optional."""
LOCK_FILE = "gateway.lock"
RUNNING_FILE = "gateway.json"
"""Describes the running gateway; written once the gateway serves, deleted when it stops."""


def read_credential(path: Path) -> str:
    """The text of a credential file, without surrounding whitespace. Raises Invalid where it is unreadable or empty.

    An empty password would be one that everybody knows.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "not UTF-8 text"
        raise Invalid(f"`{path}` cannot be read: {reason}") from None
    if not text:
        raise Invalid(f"`{path}` is empty; write its value into it, or delete it if the gateway made it")
    return text


_NOT_SWEPT = frozenset({"images", "rootfs", "replicas"})
"""Images, which builders write meanwhile, and what belongs to functions."""


class AlreadyRunning(Exception):
    """Another gateway holds the lock of the state directory; the text is one sentence."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A running gateway, or a standalone provider."""

    pid: int
    url: str
    metrics_url: str = ""
    auth: bool = True
    engine: str = ""
    """The engine that runs the functions; `remote` for a provider elsewhere."""
    started_at: str = ""
    restart: str = ""
    """The Unix socket on which a restart can be requested; empty where that is not possible."""
    settings: list[dict[str, Any]] = []
    """Name, value, source and origin of every setting."""


class StateDir:
    """A state directory that this process has locked until `release`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = -1

    def acquire(self) -> None:
        """Lock the directory. Raises AlreadyRunning, naming the process that holds the lock; OSError."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._close_to_others()
        path = self.root / LOCK_FILE
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            owner = path.read_text(encoding="ascii").strip() or "unknown"
            raise AlreadyRunning(f"a gateway runs already in `{self.root}` (process {owner})") from None
        self.adopt(handle)

    def _close_to_others(self) -> None:
        """Keep other users out of a folder that something else made first, as a build does with its images."""
        if self.root.stat().st_mode & 0o007:
            with contextlib.suppress(PermissionError):  # another user's folder, whose mode is that user's decision
                self.root.chmod(0o700)

    @property
    def lock(self) -> int:
        """The descriptor of the lock; a process that inherits it holds the lock, too."""
        return self._lock

    def adopt(self, lock: int) -> None:
        """Hold the directory with this lock, which another gateway may have held until now."""
        self._lock = lock
        self.reclaim()
        self._sweep()
        self._running().unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Delete what an interrupted write left: it may be a secret, in plain."""
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in _NOT_SWEPT]
            for name in names:
                if name.startswith(".new-"):
                    with contextlib.suppress(OSError):
                        (Path(folder) / name).unlink()

    def reclaim(self) -> None:
        """Write our process number into the lock file."""
        os.ftruncate(self._lock, 0)
        with contextlib.suppress(OSError):  # on a full disk the lock holds without it
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def leave(self) -> None:
        """Leave the directory to the successor, which holds the lock now."""
        os.close(self._lock)
        self._lock = -1

    def password(self) -> str:
        """The password of the account; made when there is none yet. Raises Invalid for a file without one, OSError."""
        path = self.root / PASSWORD_FILE
        if not path.exists():
            write_file(path, f"{secrets.token_urlsafe(24)}\n", mode=0o600)
        return read_credential(path)

    def announce(self, running: Running) -> None:
        """Describe this gateway to other processes."""
        write_file(self._running(), msgspec.json.encode(running), durable=False)

    def release(self) -> None:
        """Release the lock."""
        if self._lock >= 0:
            self._running().unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def _running(self) -> Path:
        return self.root / RUNNING_FILE
