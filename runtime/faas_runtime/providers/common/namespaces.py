"""The namespaces of this machine."""

from __future__ import annotations

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionNamespace
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound
from faas_runtime.providers.common.store import FunctionStore


class NamespaceBook:
    """Knows every namespace; changes are on disk when a method returns. Blocking."""

    def __init__(self, store: FunctionStore) -> None:
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
        """Add one. Raises AlreadyExists."""
        if namespace.name in self._known:
            raise AlreadyExists(f"namespace `{namespace.name}` exists already")
        self._save({**self._known, namespace.name: namespace})

    def replace(self, namespace: FunctionNamespace) -> None:
        """Give one other labels. Raises NotFound."""
        self.get(namespace.name)
        self._save({**self._known, namespace.name: namespace})

    def remove(self, name: str) -> None:
        """Forget one. Raises NotFound, Invalid for the default one."""
        self.get(name)
        if name == DEFAULT_NAMESPACE:
            raise Invalid(f"the default namespace `{name}` cannot be removed")
        self._save({known: value for known, value in self._known.items() if known != name})

    def _save(self, namespaces: dict[str, FunctionNamespace]) -> None:
        self._store.save_namespaces(namespaces)
        self._known = namespaces
