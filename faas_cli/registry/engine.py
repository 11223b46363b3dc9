"""Pushing an image that is in a container engine: the engine does it, with the same credentials."""

from __future__ import annotations

from collections.abc import Callable

from faas_cli.errors import FaasError
from faas_cli.registry.auth import registry_credentials
from faas_cli.registry.reference import parse_reference


def push_from_engine(image: str, tell: Callable[[str], object]) -> str:
    """Have the engine push an image; returns the digest in the registry. Raises FaasError."""
    import docker
    from docker.errors import DockerException, ImageNotFound

    reference = parse_reference(image)
    credentials = registry_credentials(reference.registry)
    auth = {"username": credentials.user, "password": credentials.password} if credentials else None
    try:
        client = docker.from_env()
        client.images.get(image)
        lines = client.api.push(image, stream=True, decode=True, auth_config=auth)
    except ImageNotFound:
        raise FaasError(f"there is no image `{image}` here", hint="build it first: `faas build`") from None
    except DockerException as err:
        raise FaasError(
            f"`{image}` is not in the local store, and no container engine answers: {err}",
            hint="build it first: `faas build`",
        ) from None
    digest = ""
    for line in lines:
        if "error" in line:
            raise FaasError(f"`{image}` was not pushed: {line['error']}", hint=f"docker login {reference.registry}")
        if line.get("status") in ("Pushed", "Layer already exists"):
            tell(f"  {line.get('id', '')} {line['status'].lower()}")
        digest = (line.get("aux") or {}).get("Digest", digest)
    return digest
