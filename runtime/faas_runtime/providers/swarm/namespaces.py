"""The namespaces of a Swarm: a config object stands for each but the default one."""

from __future__ import annotations

import hashlib

import msgspec

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionNamespace
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound
from faas_runtime.providers.swarm.engine import SwarmEngine
from faas_runtime.providers.swarm.objects import SwarmObject
from faas_runtime.providers.swarm.spec import labels_of

_KIND = "namespace"


class SwarmNamespaces:
    """The namespaces of the Swarm. Blocking."""

    def __init__(self, engine: SwarmEngine) -> None:
        self._engine = engine

    def names(self) -> list[str]:
        """All names, the default one first."""
        others = sorted({each.name for each in self._engine.objects(_KIND)} - {DEFAULT_NAMESPACE})
        return [DEFAULT_NAMESPACE, *others]

    def check(self, name: str) -> None:
        """Raises Invalid when there is no such namespace."""
        if name != DEFAULT_NAMESPACE and not self._objects(name):
            raise Invalid(f"namespace `{name}` does not exist")

    def get(self, name: str) -> FunctionNamespace:
        """One namespace. Raises NotFound."""
        found = self._objects(name)
        if found:
            return msgspec.json.decode(self._engine.config_data(found[-1].id), type=FunctionNamespace)
        if name == DEFAULT_NAMESPACE:
            return FunctionNamespace(name=name)
        raise NotFound(f"there is no namespace `{name}`")

    def add(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        if namespace.name == DEFAULT_NAMESPACE or self._objects(namespace.name):
            raise AlreadyExists(f"namespace `{namespace.name}` exists already")
        self._create(namespace)

    def replace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        self.get(namespace.name)
        old = self._objects(namespace.name)
        self._create(namespace)
        for each in old:
            self._engine.remove_object(_KIND, each.id)

    def check_removable(self, name: str) -> None:
        """Raises NotFound, Invalid for the default one."""
        self.get(name)
        if name == DEFAULT_NAMESPACE:
            raise Invalid(f"the default namespace `{name}` cannot be removed")

    def remove(self, name: str) -> None:
        """Remove a namespace."""
        for each in self._objects(name):
            self._engine.remove_object(_KIND, each.id)

    def _create(self, namespace: FunctionNamespace) -> None:
        data = msgspec.json.encode(namespace)
        # A config cannot change: another content is another object.
        digest = hashlib.sha256(data).hexdigest()[:16]
        name = f"faas-namespace-{namespace.name[:24]}-{digest}"
        self._engine.create_object(_KIND, name, data, labels_of(_KIND, namespace.name, ""))

    def _objects(self, name: str) -> list[SwarmObject]:
        return [each for each in self._engine.objects(_KIND) if each.name == name]
