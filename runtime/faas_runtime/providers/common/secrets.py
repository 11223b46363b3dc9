"""Secrets as files only the gateway's user can read."""

from __future__ import annotations

import base64
from pathlib import Path

from faas_runtime.core.api import Secret
from faas_runtime.core.errors import AlreadyExists, Invalid, NotFound
from faas_runtime.core.files import write_file

MAX_SECRET_BYTES = 1024 * 1024
"""Largest secret, as Kubernetes limits it."""


class SecretStore:
    """One file for each secret below a folder. Blocking; the files are small."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, namespace: str) -> list[str]:
        """Names of a namespace's secrets, sorted."""
        folder = self._folder / namespace
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))

    def create(self, secret: Secret) -> None:
        """Store a new secret. Raises AlreadyExists, Invalid."""
        if self._path(secret.name, secret.namespace).exists():
            raise AlreadyExists(f"secret `{secret.name}` exists already in namespace `{secret.namespace}`")
        self._write(secret)

    def replace(self, secret: Secret) -> None:
        """Replace the value. Raises NotFound, Invalid."""
        self._existing(secret.name, secret.namespace)
        self._write(secret)

    def delete(self, name: str, namespace: str) -> None:
        """Delete a secret. Raises NotFound."""
        self._existing(name, namespace).unlink()

    def values(self, names: list[str], namespace: str) -> dict[str, bytes]:
        """The values of these secrets. Raises Invalid, naming the one that does not exist."""
        found = {}
        for name in names:
            try:
                found[name] = self._path(name, namespace).read_bytes()
            except (FileNotFoundError, IsADirectoryError):
                raise Invalid(f"secret `{name}` does not exist in namespace `{namespace}`") from None
        return found

    def _existing(self, name: str, namespace: str) -> Path:
        path = self._path(name, namespace)
        if not path.is_file():
            raise NotFound(f"there is no secret `{name}` in namespace `{namespace}`")
        return path

    def _path(self, name: str, namespace: str) -> Path:
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise Invalid(f"secret `{name}` is not a valid name")
        return self._folder / namespace / name

    def _write(self, secret: Secret) -> None:
        value = secret_bytes(secret)
        if len(value) > MAX_SECRET_BYTES:
            raise Invalid(f"secret `{secret.name}` is larger than {MAX_SECRET_BYTES} bytes")
        write_file(self._path(secret.name, secret.namespace), value, mode=0o600)


def secret_bytes(secret: Secret) -> bytes:
    """A secret's value; `raw_value` wins. Raises Invalid when that is not base64."""
    if not secret.raw_value:
        return secret.value.encode()
    try:
        return base64.b64decode(secret.raw_value, validate=True)
    except ValueError:  # also for letters outside ASCII
        raise Invalid(f"field `rawValue` of secret `{secret.name}` is not base64") from None
