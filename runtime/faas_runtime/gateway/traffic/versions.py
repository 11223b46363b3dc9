"""The last deployments of every function, so that one of them can be brought back."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.errors import NotFound
from faas_runtime.core.files import write_file
from faas_runtime.providers.base import FunctionKey

KEPT = 10
"""How many versions of a function are kept, the present one among them."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that was accepted; `pinned` names its image by digest where that is known."""

    number: int
    deployment: FunctionDeployment
    pinned: str
    created_at: str
    served: bool = True
    """Whether it was ever the present version; False for a canary that was not promoted."""

    def with_its_image(self) -> FunctionDeployment:
        """The deployment with the very image it had, whatever its tag means now."""
        return msgspec.structs.replace(self.deployment, image=self.pinned or self.deployment.image)


def present_of(known: Sequence[Version]) -> Version | None:
    """The version that is the present one, None when none is known."""
    return next((version for version in reversed(known) if version.served), None)


def find(known: Sequence[Version], key: FunctionKey, number: int) -> Version:
    """The version of this number. Raises NotFound."""
    for version in known:
        if version.number == number:
            return version
    raise NotFound(f"function `{key.name}` has no version {number}")


class VersionBook:
    """One file for each function. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: FunctionKey) -> list[Version]:
        """The versions of a function, oldest first."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._path(key).read_bytes(), type=list[Version])
        return []

    def next_number(self, key: FunctionKey) -> int:
        """The number that the next version will have."""
        known = self.read(key)
        return known[-1].number + 1 if known else 1

    def add(self, deployment: FunctionDeployment, pinned: str, created_at: str, served: bool = True) -> int:
        """Note a deployment that runs, and return its number. Raises OSError."""
        key = FunctionKey(deployment.service, deployment.namespace)
        number = self.next_number(key)
        version = Version(number=number, deployment=deployment, pinned=pinned, created_at=created_at, served=served)
        self._keep(key, [*self.read(key), version])
        return number

    def promote(self, number: int, deployment: FunctionDeployment, pinned: str, created_at: str) -> int:
        """Note that a version is the present one now, and return its number: a new one for an old version."""
        key = FunctionKey(deployment.service, deployment.namespace)
        known = self.read(key)
        present = present_of(known)
        if present is not None and number <= present.number:
            return self.add(deployment, pinned, created_at)
        changed = [msgspec.structs.replace(each, served=True) if each.number == number else each for each in known]
        self._keep(key, changed)
        return number

    def forget(self, key: FunctionKey) -> None:
        """The function is gone."""
        self._path(key).unlink(missing_ok=True)

    def forget_namespace(self, name: str) -> None:
        """A namespace is gone, and every function in it."""
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def _keep(self, key: FunctionKey, known: list[Version]) -> None:
        # However many canaries come and go, the present version stays.
        present = present_of(known)
        while len(known) > KEPT:
            known.remove(next(version for version in known if version is not present))
        # Variables may hold secrets: readable by the owner only.
        write_file(self._path(key), msgspec.json.encode(known), mode=0o600)

    def _path(self, key: FunctionKey) -> Path:
        return self._folder / key.namespace / f"{key.name}.json"
