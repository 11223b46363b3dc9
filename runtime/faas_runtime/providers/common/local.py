"""What engines of this machine have in common: secrets and namespaces are files of the state directory."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from faas_runtime.core.api import DEFAULT_NAMESPACE, FunctionDeployment, FunctionNamespace, Secret
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.common.namespaces import NamespaceBook
from faas_runtime.providers.common.secrets import SecretStore


class LocalBooks(ABC):
    """The methods of a provider that are about secrets and namespaces, for engines that keep them here."""

    def __init__(self, secrets: SecretStore, namespaces: NamespaceBook) -> None:
        self._secrets = secrets
        self._namespaces = namespaces

    @abstractmethod
    def _deployments(self) -> Mapping[FunctionKey, FunctionDeployment]:
        """What is deployed now."""

    @abstractmethod
    async def _renew_secrets(self, key: FunctionKey) -> None:
        """Put the present values of its secrets before what runs of a function."""

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
        """Forget a secret. Raises NotFound."""
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
