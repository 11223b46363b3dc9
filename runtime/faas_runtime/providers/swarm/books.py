"""The methods of the provider that are about secrets and namespaces, which the Swarm itself keeps."""

from __future__ import annotations

from collections.abc import Sequence

from faas_runtime.core.api import FunctionNamespace, Secret
from faas_runtime.providers.common.threads import EngineThreads
from faas_runtime.providers.swarm.namespaces import SwarmNamespaces
from faas_runtime.providers.swarm.secrets import SwarmSecrets


class SwarmBooks:
    """Secrets and namespaces, where no function has to change for them."""

    def __init__(self, threads: EngineThreads, secrets: SwarmSecrets, namespaces: SwarmNamespaces) -> None:
        self._threads, self._secrets, self._namespaces = threads, secrets, namespaces

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace."""
        names = await self._threads.call(self._secrets.names, namespace)
        return [Secret(name=name, namespace=namespace) for name in names]

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists."""
        await self._threads.call(self._namespaces.check, secret.namespace)
        await self._threads.call(self._secrets.create, secret)

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Forget a secret. Raises NotFound, Invalid while a function uses it."""
        await self._threads.call(self._secrets.delete, name, namespace)

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces."""
        return await self._threads.call(self._namespaces.names)

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace. Raises NotFound."""
        return await self._threads.call(self._namespaces.get, name)

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        await self._threads.call(self._namespaces.add, namespace)

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        await self._threads.call(self._namespaces.replace, namespace)
