"""The gateway's own files in the state directory: its lock, its password, where it listens."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec

from faas_runtime.core.files import write_file

USER = "admin"
"""Name of the account made at the first start."""
PASSWORD_FILE = "basic-auth-password"  # noqa: S105
USERS_FILE = "users.htpasswd"
"""Further accounts, where there is such a file."""
LOCK_FILE = "gateway.lock"
RUNNING_FILE = "gateway.json"
"""Describes the gateway that runs; it appears once the gateway answers, and goes when it stops."""


class AlreadyRunning(Exception):
    """Another gateway uses the state directory; the text is one sentence."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that runs."""

    pid: int
    url: str
    metrics_url: str = ""
    auth: bool = True
    engine: str = ""
    """What runs the functions: `process`, `docker`, ...; `remote` for a provider elsewhere."""
    started_at: str = ""
    restart: str = ""
    """The Unix socket on which a restart can be requested; empty where that is not possible."""
    settings: list[dict[str, Any]] = []
    """Name, value, source and origin of every setting."""


class StateDir:
    """A state directory that this process has to itself until `release`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = -1

    def acquire(self) -> None:
        """Take the directory. Raises AlreadyRunning, naming the process that has it; OSError."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.root / LOCK_FILE
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            owner = path.read_text(encoding="ascii").strip() or "unknown"
            raise AlreadyRunning(f"a gateway runs already in `{self.root}` (process {owner})") from None
        self.adopt(handle)

    @property
    def lock(self) -> int:
        """The descriptor that holds the lock: who inherits it has the directory, too."""
        return self._lock

    def adopt(self, lock: int) -> None:
        """The directory is ours with this lock, which may have been another gateway's until now."""
        self._lock = lock
        self.reclaim()
        self._running().unlink(missing_ok=True)

    def reclaim(self) -> None:
        """Put our process number into the lock's file."""
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def leave(self) -> None:
        """The next gateway has the directory: nothing in it is ours any more."""
        os.close(self._lock)
        self._lock = -1

    def password(self) -> str:
        """The password of the first account; made when there is none yet."""
        path = self.root / PASSWORD_FILE
        try:
            return path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            password = secrets.token_urlsafe(24)
            write_file(path, f"{password}\n", mode=0o600)
            return password

    def announce(self, running: Running) -> None:
        """Tell other processes where this gateway is."""
        write_file(self._running(), msgspec.json.encode(running), durable=False)

    def release(self) -> None:
        """Give the directory up."""
        if self._lock >= 0:
            self._running().unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def _running(self) -> Path:
        return self.root / RUNNING_FILE
