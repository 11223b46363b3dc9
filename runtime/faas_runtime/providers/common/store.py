"""What has been deployed, on disk: written so that a crash at any moment leaves the old or the new, never half."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import msgspec

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionDeployment, FunctionNamespace
from faas_runtime.core.files import write_file
from faas_runtime.providers.base import FunctionKey

log = logging.getLogger("faas.process")


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as it was accepted: the image's digest is fixed at that moment."""

    deployment: FunctionDeployment
    digest: str
    replicas: int
    created_at: str
    version: str = ""
    """Tells replicas of one deployment from those of another, where they outlive the gateway."""

    @property
    def key(self) -> FunctionKey:
        """Name and namespace."""
        return FunctionKey(self.deployment.service, self.deployment.namespace)


class FunctionStore:
    """One JSON file for each function, and one for the namespaces. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._functions = folder / "functions"
        self._namespaces = folder / "namespaces.json"

    def load(self) -> list[Deployed]:
        """Everything deployed. A file that cannot be read is told in the log and left alone."""
        found = []
        for path in sorted(self._functions.glob("*/*.json")):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Deployed))
            except (OSError, msgspec.MsgspecError) as err:
                log.error("the deployed function in `%s` cannot be read: %s", path, err)
        return found

    def save(self, deployed: Deployed) -> None:
        """Keep a deployment. Raises OSError."""
        write_file(self._path(deployed.key), msgspec.json.encode(deployed), mode=0o600)

    def remove(self, key: FunctionKey) -> None:
        """Forget a deployment."""
        self._path(key).unlink(missing_ok=True)

    def namespaces(self) -> dict[str, FunctionNamespace]:
        """Every namespace by name, the default one first."""
        found = {DEFAULT_NAMESPACE: FunctionNamespace(name=DEFAULT_NAMESPACE)}
        with contextlib.suppress(FileNotFoundError):
            for namespace in msgspec.json.decode(self._namespaces.read_bytes(), type=list[FunctionNamespace]):
                found[namespace.name] = namespace
        return found

    def save_namespaces(self, namespaces: dict[str, FunctionNamespace]) -> None:
        """Keep the namespaces. Raises OSError."""
        write_file(self._namespaces, msgspec.json.encode(list(namespaces.values())), mode=0o600)

    def _path(self, key: FunctionKey) -> Path:
        return self._functions / key.namespace / f"{key.name}.json"
