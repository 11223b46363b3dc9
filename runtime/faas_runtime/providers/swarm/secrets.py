"""Secrets in the Swarm itself, where a value cannot change: a new one is a new object."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from docker.types import SecretReference

from faas_runtime.core.api import FunctionDeployment, Secret
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound
from faas_runtime.providers.common.secrets import secret_bytes
from faas_runtime.providers.swarm.engine import SwarmEngine
from faas_runtime.providers.swarm.objects import SwarmObject
from faas_runtime.providers.swarm.spec import labels_of, secret_reference

_KIND = "secret"


class SwarmSecrets:
    """Functions' secrets by name and namespace. Blocking."""

    def __init__(self, engine: SwarmEngine) -> None:
        self._engine = engine

    def names(self, namespace: str) -> list[str]:
        """Names of the secrets of a namespace, in order."""
        return sorted({each.name for each in self._engine.objects(_KIND, namespace)})

    def create(self, secret: Secret) -> None:
        """Store a secret. Raises AlreadyExists, Invalid."""
        if self._of(secret.name, secret.namespace):
            raise AlreadyExists(f"secret `{secret.name}` exists already in namespace `{secret.namespace}`")
        self._add(secret)

    def replace(self, secret: Secret) -> Sequence[SwarmObject]:
        """Store another value; returns the old ones, to be removed once no service uses them. Raises NotFound."""
        old = self._known(secret.name, secret.namespace)
        self._add(secret)
        return old

    def remove(self, objects: Sequence[SwarmObject]) -> None:
        """Remove old values."""
        for each in objects:
            self._engine.remove_object(_KIND, each.id)

    def delete(self, name: str, namespace: str) -> None:
        """Delete a secret. Raises NotFound, Invalid while a function uses it."""
        self.remove(self._known(name, namespace))

    def references(self, deployment: FunctionDeployment) -> list[SecretReference]:
        """References to a function's secrets for its service. Raises Invalid."""
        known = {each.name: each for each in self._engine.objects(_KIND, deployment.namespace)}
        missing = [name for name in deployment.secrets if name not in known]
        if missing:
            raise Invalid(f"secret `{missing[0]}` does not exist in namespace `{deployment.namespace}`")
        return [secret_reference(known[name].id, known[name].swarm_name, name) for name in deployment.secrets]

    def _add(self, secret: Secret) -> None:
        data = secret_bytes(secret)
        if not data:
            raise Invalid(f"secret `{secret.name}`: a Swarm keeps no empty secrets")
        # Names are short in a Swarm, and one value may be there twice for a moment.
        digest = hashlib.sha256(f"{secret.namespace}/{secret.name}".encode()).hexdigest()[:20]
        name = f"faas-{digest}-{time.time_ns():x}"
        self._engine.create_object(_KIND, name, data, labels_of(_KIND, secret.name, secret.namespace))

    def _of(self, name: str, namespace: str) -> list[SwarmObject]:
        return [each for each in self._engine.objects(_KIND, namespace) if each.name == name]

    def _known(self, name: str, namespace: str) -> list[SwarmObject]:
        found = self._of(name, namespace)
        if not found:
            raise NotFound(f"there is no secret `{name}` in namespace `{namespace}`")
        return found
