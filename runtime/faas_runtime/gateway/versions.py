"""The last deployments of every function, so that one of them can be brought back."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec

from faas_runtime.api import FunctionDeployment
from faas_runtime.providers.base import FunctionKey

KEPT = 10
"""How many versions of a function are kept, the present one among them."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that was accepted; `pinned` names its image by digest where that is known."""

    number: int
    deployment: FunctionDeployment
    pinned: str
    created_at: str


class VersionBook:
    """One file for each function. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: FunctionKey) -> list[Version]:
        """The versions of a function, oldest first; the last one is the present."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._path(key).read_bytes(), type=list[Version])
        return []

    def add(self, deployment: FunctionDeployment, pinned: str, created_at: str) -> None:
        """Note a deployment that has taken the calls. Raises OSError."""
        key = FunctionKey(deployment.service, deployment.namespace)
        known = self.read(key)
        number = known[-1].number + 1 if known else 1
        known.append(Version(number=number, deployment=deployment, pinned=pinned, created_at=created_at))
        self._write(self._path(key), msgspec.json.encode(known[-KEPT:]))

    def forget(self, key: FunctionKey) -> None:
        """The function is gone."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: FunctionKey) -> Path:
        return self._folder / key.namespace / f"{key.name}.json"

    def _write(self, path: Path, data: bytes) -> None:
        # Variables may hold secrets: readable by the owner alone, which mkstemp sees to.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
