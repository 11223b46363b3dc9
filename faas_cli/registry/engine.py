"""Pushing an image of a container engine, through the engine, with the same credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.images.builders.engine import find_engine, ping, reachable
from faas_cli.registry.auth import RegistryCredentials, registry_credentials
from faas_cli.registry.reference import parse_reference
from faas_runtime.core.engine_registry import is_podman, plain_http_hint, speaks_plain_http


def push_from_engine(
    image: str,
    blob_done: Callable[[str, str], object] = lambda layer, outcome: None,
    blob_progress: Callable[[str, int, int], object] = lambda layer, done, size: None,
) -> str:
    """Have the engine push an image; returns the digest in the registry. Raises FaasError.

    The callbacks are those of `Push`, called for each layer.
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
        lines = client.api.push(image, stream=True, decode=True, auth_config=auth)
        return _follow(image, lines, blob_done, blob_progress, partial(_hint, client, reference.registry))
    except ImageNotFound:
        raise FaasError(f"there is no image `{image}` on this machine", hint="build it first: `faas build`") from None
    except (DockerException, OSError) as err:
        raise FaasError(
            f"`{image}` is not in the local store, and the container engine at {engine.url} "
            f"cannot push it: {ping(engine) or err}",
            hint="build it first: `faas build`",
        ) from None


def _follow(
    image: str,
    lines: Iterable[dict[str, Any]],
    blob_done: Callable[[str, str], object],
    blob_progress: Callable[[str, int, int], object],
    hint: Callable[[str], str],
) -> str:
    """Forward the engine's progress; returns the digest. `hint` has advice for an error."""
    digest = ""
    for line in lines:
        if "error" in line:
            raise FaasError(f"`{image}` was not pushed: {line['error']}", hint=hint(str(line["error"])))
        layer, detail = str(line.get("id", "")), line.get("progressDetail") or {}
        if line.get("status") in ("Pushed", "Layer already exists"):
            blob_done(layer, "pushed" if line["status"] == "Pushed" else "already exists")
        elif line.get("status") == "Pushing" and detail.get("total"):
            # The engine counts compressed bytes, which can exceed its estimate.
            blob_progress(layer, min(detail.get("current", 0), detail["total"]), detail["total"])
        digest = (line.get("aux") or {}).get("Digest", digest)
    return digest


def _hint(client: Any, registry: str, error: str) -> str:
    if speaks_plain_http(error):
        return plain_http_hint(registry, podman=is_podman(client.version()))
    return f"docker login {registry}"


def _auth(credentials: RegistryCredentials) -> dict[str, str]:
    if credentials.identity_token:
        return {"identitytoken": credentials.identity_token}
    return {"username": credentials.user, "password": credentials.password}
