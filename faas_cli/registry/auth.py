"""Registry credentials from Docker's config file and credential helpers."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.registry.reference import DOCKER_HUB
from faas_runtime.core.files import write_file

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_TIMEOUT = 20


@dataclass(frozen=True, slots=True)
class RegistryCredentials:
    """User and password, or an identity token (from some credential helpers)."""

    user: str = ""
    password: str = ""
    identity_token: str = ""


def docker_config() -> Path:
    """Docker's config file: in `$DOCKER_CONFIG`, else in `~/.docker`."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def registry_credentials(registry: str) -> RegistryCredentials | None:
    """The credentials saved for a registry, None if there are none. Raises FaasError when they cannot be read."""
    config = _read(docker_config())
    keys = [_HUB_KEY, "docker.io", "index.docker.io"] if registry == DOCKER_HUB else []
    keys += [
        registry,
        f"https://{registry}",
        f"http://{registry}",
        f"https://{registry}/v1/",
        f"https://{registry}/v2/",
    ]
    helpers = config.get("credHelpers") or {}
    for key in keys:
        helper = helpers.get(key) or config.get("credsStore")
        if helper:
            found = _ask_helper(str(helper), key)
            if found is not None:
                return found
        entry = (config.get("auths") or {}).get(key)
        if entry and (entry.get("auth") or entry.get("identitytoken")):
            return _from_entry(entry, key)
    return None


def _from_entry(entry: dict[str, Any], key: str) -> RegistryCredentials:
    try:
        user, _, password = base64.b64decode(entry.get("auth") or "").decode().partition(":")
    except ValueError:
        raise FaasError(
            f"the credentials of {key} in `{docker_config()}` cannot be decoded", hint="log in again"
        ) from None
    return RegistryCredentials(user, password.rstrip("\0"), str(entry.get("identitytoken") or ""))


def _ask_helper(name: str, key: str) -> RegistryCredentials | None:
    try:
        done = subprocess.run(
            [f"docker-credential-{name}", "get"],
            input=key,
            capture_output=True,
            text=True,
            timeout=_HELPER_TIMEOUT,
            check=False,
        )
        answer = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    user, secret = str(answer.get("Username") or ""), str(answer.get("Secret") or "")
    if not secret:
        return None
    return RegistryCredentials(identity_token=secret) if user == "<token>" else RegistryCredentials(user, secret)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise FaasError(f"`{path}` cannot be read as Docker's config", hint="repair it, or log in again") from None


def password_config(server: str, user: str, password: str) -> dict[str, Any]:
    """Docker's config with the password of one registry."""
    return {"auths": {server: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}}}


def ecr_config(account: str, region: str) -> dict[str, Any]:
    """Docker's config for Amazon's credential helper."""
    host = f"{account}.dkr.ecr.{region}.amazonaws.com"
    return {"credsStore": "ecr-login", "credHelpers": {host: "ecr-login"}}


def write_registry_config(content: dict[str, Any]) -> Path:
    """Write `credentials/config.json`, readable only by its owner; return its path."""
    path = Path("credentials") / "config.json"
    write_file(path, json.dumps(content, indent=1), mode=0o600)
    return path
