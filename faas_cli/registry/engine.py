"""Pushing an image that is in a container engine: the engine does it, with the same credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.images.builders.engine import find_engine, ping, reachable
from faas_cli.registry.auth import RegistryCredentials, registry_credentials
from faas_cli.registry.reference import parse_reference


def push_from_engine(
    image: str,
    told: Callable[[str, str], object] = lambda layer, what: None,
    progress: Callable[[str, int, int], object] = lambda layer, done, size: None,
) -> str:
    """Have the engine push an image; returns the digest in the registry. Raises FaasError.

    `told` hears of every layer what became of it, `progress` how many bytes of it have arrived, of all.
    """
    from docker import DockerClient
    from docker.errors import DockerException, ImageNotFound

    reference = parse_reference(image)
    credentials = registry_credentials(reference.registry)
    auth = _auth(credentials) if credentials else None
    engine = find_engine()
    try:
        client = DockerClient(**reachable(engine).client_options())
        client.images.get(image)
        return _follow(image, client.api.push(image, stream=True, decode=True, auth_config=auth), told, progress)
    except ImageNotFound:
        raise FaasError(f"there is no image `{image}` here", hint="build it first: `faas build`") from None
    except (DockerException, OSError) as err:
        raise FaasError(
            f"`{image}` is not in the local store, and the container engine at {engine.url} "
            f"cannot push it: {ping(engine) or err}",
            hint="build it first: `faas build`",
        ) from None


def _follow(
    image: str,
    lines: Iterable[dict[str, Any]],
    told: Callable[[str, str], object],
    progress: Callable[[str, int, int], object],
) -> str:
    """Tell what the engine says as it says it; returns the digest."""
    digest = ""
    for line in lines:
        if "error" in line:
            hint = f"docker login {parse_reference(image).registry}"
            raise FaasError(f"`{image}` was not pushed: {line['error']}", hint=hint)
        layer, detail = str(line.get("id", "")), line.get("progressDetail") or {}
        if line.get("status") in ("Pushed", "Layer already exists"):
            told(layer, "pushed" if line["status"] == "Pushed" else "is there already")
        elif line.get("status") == "Pushing" and detail.get("total"):
            # The engine counts what it compresses, which may be more than it expected.
            progress(layer, min(detail.get("current", 0), detail["total"]), detail["total"])
        digest = (line.get("aux") or {}).get("Digest", digest)
    return digest


def _auth(credentials: RegistryCredentials) -> dict[str, str]:
    if credentials.identity_token:
        return {"identitytoken": credentials.identity_token}
    return {"username": credentials.user, "password": credentials.password}
