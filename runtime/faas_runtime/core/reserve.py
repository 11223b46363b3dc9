"""A reserve of disk space, given up when the disk is full so that management still works."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path

log = logging.getLogger("faas.gateway")

RESERVE_FILE = "reserve"
RESERVE_BYTES = 8 << 20
"""Enough for thousands of changes of functions, secrets and the queue."""
CHECK_INTERVAL = 5.0
"""Seconds between two looks at the disk."""


class Reserve:
    """A file that holds space in the state directory. Every method may be called from any thread."""

    def __init__(self, folder: Path, min_free: int, size: int = RESERVE_BYTES) -> None:
        """`min_free` bytes of the disk are left free by what strangers may store."""
        self._folder, self._path = folder, folder / RESERVE_FILE
        self._min_free, self._size = min_free, size
        self._lock = threading.Lock()

    def hold(self) -> None:
        """Take the space, once there is more than enough of it. Blocking."""
        with self._lock:
            if self._path.exists() or self.free() < 2 * self._size:
                return
            try:
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(handle, 0, self._size)
                finally:
                    os.close(handle)
            except OSError:
                self._path.unlink(missing_ok=True)

    def release(self) -> bool:
        """Give the space up; False when there is none. `hold` takes it again."""
        with self._lock:
            if not self._path.exists():
                return False
            self._path.unlink(missing_ok=True)
        log.error("the disk of `%s` is full; the reserve is used so that functions can still be managed", self._folder)
        return True

    def free(self) -> int:
        """Bytes that are free for this user on the disk of the state directory."""
        return shutil.disk_usage(self._folder).free

    def problem(self) -> str:
        """Why strangers may store nothing more; empty while there is room."""
        free = self.free()
        if free >= self._min_free:
            return ""
        return (
            f"the disk of `{self._folder}` is nearly full: {free >> 20} MiB are free, and `min_free_bytes` is"
            f" {self._min_free >> 20} MiB"
        )
