"""The last deployments of every function, so that one of them can be restored."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import NotFound
from faas_runtime.core.files import write_file
from faas_runtime.core.records import read_record
from faas_runtime.providers.base import FunctionKey

MAX_VERSIONS = 10
"""Maximum number of stored versions of a function, including the current one."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted deployment; `pinned` is its image by digest, empty where that is unknown."""

    number: int
    deployment: FunctionDeployment
    pinned: str
    created_at: str
    served: bool = True
    """Whether it was ever the current version; False for a canary that was not promoted."""

    def pinned_deployment(self) -> FunctionDeployment:
        """The deployment with the image it had, by digest, whatever the tag refers to now."""
        return msgspec.structs.replace(self.deployment, image=self.pinned or self.deployment.image)


def current_of(known: Sequence[Version]) -> Version | None:
    """The current version, None when none is stored."""
    return next((version for version in reversed(known) if version.served), None)


def find(known: Sequence[Version], key: FunctionKey, number: int) -> Version:
    """The version of this number. Raises NotFound."""
    for version in known:
        if version.number == number:
            return version
    raise NotFound(f"function `{key.name}` has no version {number}")


class VersionStore:
    """One file for each function. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: FunctionKey) -> list[Version]:
        """The versions of a function, oldest first."""
        return read_record(self._path(key), list[Version], f"the versions of {key} are lost") or []

    def next_number(self, key: FunctionKey) -> int:
        """The number of the next version."""
        known = self.read(key)
        return known[-1].number + 1 if known else 1

    def add(self, deployment: FunctionDeployment, pinned: str, created_at: str, served: bool = True) -> int:
        """Store a deployment that runs, and return its number. Raises OSError."""
        key = FunctionKey(deployment.service, deployment.namespace)
        number = self.next_number(key)
        version = Version(number=number, deployment=deployment, pinned=pinned, created_at=created_at, served=served)
        self._write(key, [*self.read(key), version])
        return number

    def promote(self, number: int, deployment: FunctionDeployment, pinned: str, created_at: str) -> int:
        """Make a version the current one and return its number: a new one for an old version. Raises OSError."""
        key = FunctionKey(deployment.service, deployment.namespace)
        known = self.read(key)
        current = current_of(known)
        if current is not None and number <= current.number:
            return self.add(deployment, pinned, created_at)
        changed = [msgspec.structs.replace(each, served=True) if each.number == number else each for each in known]
        self._write(key, changed)
        return number

    def delete(self, key: FunctionKey) -> None:
        """Delete the versions of a function."""
        self._path(key).unlink(missing_ok=True)

    def delete_namespace(self, name: str) -> None:
        """Delete the versions of every function in a namespace."""
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _write(self, key: FunctionKey, known: list[Version]) -> None:
        # The current version stays, however many canaries are stored after it.
        current = current_of(known)
        while len(known) > MAX_VERSIONS:
            known.remove(next(version for version in known if version is not current))
        # Variables may hold secrets: readable by the owner only.
        write_file(self._path(key), msgspec.json.encode(known), mode=0o600)

    def _path(self, key: FunctionKey) -> Path:
        return self._folder / key.namespace / f"{key.name}.json"
