"""Deployments and namespaces of an engine that keeps them as files of the state directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionDeployment, FunctionNamespace
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound
from faas_runtime.core.files import write_file
from faas_runtime.core.records import read_record
from faas_runtime.providers.base import FunctionKey


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as it was accepted: the image's digest is fixed at that moment."""

    deployment: FunctionDeployment
    digest: str
    replicas: int
    created_at: str
    version: str = ""
    """Distinguishes the replicas of two deployments, where replicas outlive the gateway."""

    @property
    def key(self) -> FunctionKey:
        """Name and namespace."""
        return FunctionKey(self.deployment.service, self.deployment.namespace)


class DeploymentStore:
    """One JSON file for each function, and one for the namespaces. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._functions = folder / "functions"
        self._namespaces = folder / "namespaces.json"

    def load(self) -> list[Deployed]:
        """Everything deployed. A damaged file is set aside."""
        paths = sorted(self._functions.glob("*/*.json"))
        found = [read_record(path, Deployed, f"function {path.stem}.{path.parent.name} is lost") for path in paths]
        return [deployed for deployed in found if deployed is not None]

    def save(self, deployed: Deployed) -> None:
        """Write a deployment. Raises OSError."""
        write_file(self._path(deployed.key), msgspec.json.encode(deployed), mode=0o600)

    def remove(self, key: FunctionKey) -> None:
        """Delete a deployment."""
        self._path(key).unlink(missing_ok=True)

    def namespaces(self) -> dict[str, FunctionNamespace]:
        """Every namespace by name, the default one first."""
        found = {DEFAULT_NAMESPACE: FunctionNamespace(name=DEFAULT_NAMESPACE)}
        kept = read_record(self._namespaces, list[FunctionNamespace], "the labels of namespaces are lost")
        # The folders of functions name the namespaces of a list that was damaged.
        for name in sorted(path.parent.name for path in self._functions.glob("*/*.json")):
            found.setdefault(name, FunctionNamespace(name=name))
        found.update({namespace.name: namespace for namespace in kept or ()})
        return found

    def save_namespaces(self, namespaces: dict[str, FunctionNamespace]) -> None:
        """Write the namespaces. Raises OSError."""
        write_file(self._namespaces, msgspec.json.encode(list(namespaces.values())), mode=0o600)

    def _path(self, key: FunctionKey) -> Path:
        return self._functions / key.namespace / f"{key.name}.json"


class NamespaceStore:
    """The namespaces of this machine; changes are on disk when a method returns. Blocking."""

    def __init__(self, store: DeploymentStore) -> None:
        self._store = store
        self._known = store.namespaces()

    def names(self) -> list[str]:
        """All names, the default one first."""
        return list(self._known)

    def check(self, name: str) -> None:
        """Raises Invalid when there is no such namespace."""
        if name not in self._known:
            raise Invalid(f"namespace `{name}` does not exist")

    def get(self, name: str) -> FunctionNamespace:
        """One namespace. Raises NotFound."""
        if name not in self._known:
            raise NotFound(f"there is no namespace `{name}`")
        return self._known[name]

    def add(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        if namespace.name in self._known:
            raise AlreadyExists(f"namespace `{namespace.name}` exists already")
        self._save({**self._known, namespace.name: namespace})

    def replace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        self.get(namespace.name)
        self._save({**self._known, namespace.name: namespace})

    def remove(self, name: str) -> None:
        """Remove a namespace. Raises NotFound, Invalid for the default one."""
        self.get(name)
        if name == DEFAULT_NAMESPACE:
            raise Invalid(f"the default namespace `{name}` cannot be removed")
        self._save({known: value for known, value in self._known.items() if known != name})

    def _save(self, namespaces: dict[str, FunctionNamespace]) -> None:
        self._store.save_namespaces(namespaces)
        self._known = namespaces
