"""A function's secrets as files for its containers, in memory where the machine has such a file system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from faas_runtime.core.files import write_file
from faas_runtime.providers.common.store import Deployed

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it is private


class SecretFiles:
    """One folder for each version of a function, mounted read-only into its containers. Blocking.

    The folder above them keeps other users of this machine out.
    """

    def __init__(self, instance: str, fallback: Path) -> None:
        self._memory = SHARED_MEMORY / f"faas-{os.getuid()}-{instance}"
        self._fallback = fallback

    def use_disk(self) -> None:
        """Use the disk: the memory of a gateway in a container cannot be mounted into others."""
        self._memory = self._fallback

    @cached_property
    def _root(self) -> Path:
        return _root(self._memory, self._fallback)

    def folder(self, deployed: Deployed) -> str:
        """What to mount for this version; empty when it has no secrets."""
        return str(self._path(deployed)) if deployed.deployment.secrets else ""

    def write(self, deployed: Deployed, values: Mapping[str, bytes]) -> None:
        """Write the secrets; running containers see new values at once."""
        if not deployed.deployment.secrets:
            return
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self._path(deployed)
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            # The function runs as another user than the gateway, so the file must be readable by all.
            write_file(folder / name, value, mode=0o444, durable=False)
        folder.chmod(0o755)

    def remove(self, deployed: Deployed) -> None:
        """Delete the files of a version."""
        if not deployed.deployment.secrets:
            return
        shutil.rmtree(self._path(deployed), ignore_errors=True)

    def keep_only(self, present: Iterable[Deployed]) -> None:
        """Delete the files of all other versions."""
        if not self._memory.exists() and not self._fallback.exists():
            return  # no folder is made before there is a secret
        kept = {self._path(deployed) for deployed in present}
        for path in self._root.glob("*/*"):
            if path not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _path(self, deployed: Deployed) -> Path:
        return self._root / deployed.key.namespace / f"{deployed.key.name}-{deployed.version}"


def _root(preferred: Path, fallback: Path) -> Path:
    """The folder in memory, unless it cannot be made or belongs to another user."""
    try:
        preferred.mkdir(mode=0o700, exist_ok=True)
        found = preferred.lstat()
    except OSError:
        return fallback
    ours = (
        preferred.is_dir() and not preferred.is_symlink() and found.st_uid == os.getuid() and not found.st_mode & 0o077
    )
    return preferred if ours else fallback
