"""What to do when a container engine refuses a registry, in the words of the engine at hand: Docker or Podman."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN_HTTP = ("server gave HTTP response to HTTPS client", "first record does not look like a TLS handshake")
_REFUSALS = ("no basic auth", "unauthorized", "denied", "authentication required")


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether the answer to `/version` is Podman's."""
    components = version.get("Components") or [{}]
    return "podman" in str(components[0].get("Name", "")).lower()


def registry_of(image: str) -> str:
    """The registry in the name of an image, as engines read it."""
    first, slash, _ = image.partition("/")
    return first if slash and (set(".:") & set(first) or first == "localhost") else "docker.io"


def speaks_plain_http(reason: str) -> bool:
    """Whether an engine's refusal means that the registry has no TLS."""
    return any(words in reason for words in _PLAIN_HTTP)


def refuses_credentials(reason: str) -> bool:
    """Whether an engine's refusal means that the registry wants other credentials."""
    return any(word in reason.lower() for word in _REFUSALS)


def plain_http_hint(registry: str, *, podman: bool) -> str:
    """How to allow an engine to use a registry without TLS."""
    if podman:
        return (
            f"allow plain HTTP in a file of /etc/containers/registries.conf.d (rootless: "
            f'~/.config/containers/registries.conf): [[registry]] location = "{registry}", insecure = true'
        )
    return f"add `{registry}` to `insecure-registries` in /etc/docker/daemon.json, and restart the engine"
