"""Pull credentials in a function's secrets: a secret that is a Docker config is for the engine, not the function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from docker.auth import AuthConfig, resolve_repository_name
from docker.errors import DockerException


def for_function(values: Mapping[str, bytes]) -> dict[str, bytes]:
    """The secrets that the function gets: all but pull credentials."""
    return {name: value for name, value in values.items() if not _auths(value)}


def credentials(reference: str, values: Mapping[str, bytes]) -> dict[str, Any] | None:
    """The credentials in these secrets for the registry of an image; None without any."""
    try:
        registry, _ = resolve_repository_name(reference)
    except DockerException:  # the engine reports what is wrong with the name
        return None
    for _, value in sorted(values.items()):
        try:
            config = AuthConfig({"auths": AuthConfig.parse_auth(_auths(value), raise_on_error=True)})
            found = config.resolve_authconfig(registry)
        except (DockerException, ValueError):
            continue
        if found:
            return dict(found)
    return None


def _auths(value: bytes) -> dict[str, Any]:
    if not value.lstrip().startswith(b"{"):
        return {}
    try:
        auths = json.loads(value).get("auths")
    except ValueError:
        return {}
    return auths if isinstance(auths, dict) else {}
