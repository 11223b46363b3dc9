"""The half of a provider that engines of this machine share: secrets and namespaces in the state directory."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionDeployment, FunctionNamespace, Secret
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.secrets import SecretStore
from faas_runtime.providers.common.store import NamespaceStore


class LocalStores(ABC):
    """Implements the secrets and namespaces of the provider protocol with files of this machine."""

    def __init__(self, secrets: SecretStore, namespaces: NamespaceStore) -> None:
        self._secrets = secrets
        self._namespaces = namespaces

    @abstractmethod
    def _deployments(self) -> Mapping[FunctionKey, FunctionDeployment]:
        """Everything that is deployed now."""

    @abstractmethod
    async def _renew_secrets(self, key: FunctionKey) -> None:
        """Give the present values of its secrets to the running replicas of a function."""

    @abstractmethod
    async def delete(self, key: FunctionKey) -> None:
        """Remove a function; its running calls may finish. Raises NotFound."""

    async def list_secrets(self, namespace: str) -> Sequence[Secret]:
        """Names of the secrets of a namespace."""
        names = await asyncio.to_thread(self._secrets.names, namespace)
        return [Secret(name=name, namespace=namespace) for name in names]

    async def create_secret(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists."""
        secret = _placed(secret)
        self._namespaces.check(secret.namespace)
        await asyncio.to_thread(self._secrets.create, secret)

    async def update_secret(self, secret: Secret) -> None:
        """Replace a secret's value; running replicas see the new one at once. Raises NotFound."""
        secret = _placed(secret)
        await asyncio.to_thread(self._secrets.replace, secret)
        for key, deployment in self._deployments().items():
            if key.namespace == secret.namespace and secret.name in deployment.secrets:
                await self._renew_secrets(key)

    async def delete_secret(self, name: str, namespace: str) -> None:
        """Delete a secret. Raises NotFound."""
        await asyncio.to_thread(self._secrets.delete, name, namespace or DEFAULT_NAMESPACE)

    async def list_namespaces(self) -> Sequence[str]:
        """Names of all namespaces."""
        return self._namespaces.names()

    async def get_namespace(self, name: str) -> FunctionNamespace:
        """One namespace. Raises NotFound."""
        return self._namespaces.get(name)

    async def create_namespace(self, namespace: FunctionNamespace) -> None:
        """Add a namespace. Raises AlreadyExists."""
        await asyncio.to_thread(self._namespaces.add, namespace)

    async def update_namespace(self, namespace: FunctionNamespace) -> None:
        """Replace a namespace's labels. Raises NotFound."""
        await asyncio.to_thread(self._namespaces.replace, namespace)

    async def delete_namespace(self, name: str) -> None:
        """Remove a namespace and its functions. Raises NotFound, Invalid."""
        await asyncio.to_thread(self._namespaces.remove, name)
        for key in self._deployments():
            if key.namespace == name:
                await self.delete(key)


def _placed(secret: Secret) -> Secret:
    return secret if secret.namespace else msgspec.structs.replace(secret, namespace=DEFAULT_NAMESPACE)
