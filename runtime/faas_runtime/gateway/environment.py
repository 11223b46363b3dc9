"""The environment variables of the REST contract, as defaults of the command line's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faas_runtime.core.durations import duration_or_none
from faas_runtime.core.function_store import DEFAULT_STORE

SECRETS_DIR = Path("/run/secrets")
"""Where user and password are when `basic_auth` is on and nothing says where."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says about a gateway or a provider; None where it says nothing."""

    port: int | None
    auth: bool
    secrets_dir: Path | None
    provider_url: str
    logs_url: str
    provider_secrets_dir: Path | None
    store_url: str
    read_timeout: float | None
    write_timeout: float | None
    upstream_timeout: float | None

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Environment:
        """Read the variables. What cannot be understood counts as not said, as the contract wants it."""
        auth = variables.get("basic_auth", "")
        secrets = _path(variables, "secret_mount_path")
        return cls(
            port=_port(variables.get("port", "")),
            # Only a clear word opens the control room to everybody.
            auth=auth.strip().lower() != "false",
            secrets_dir=SECRETS_DIR if secrets is None and auth == "true" else secrets,
            provider_url=variables.get("functions_provider_url", ""),
            logs_url=variables.get("logs_provider_url", ""),
            provider_secrets_dir=_path(variables, "provider_secret_mount_path"),
            store_url=variables.get("OPENFAAS_STORE", DEFAULT_STORE),
            read_timeout=_seconds(variables, "read_timeout"),
            write_timeout=_seconds(variables, "write_timeout"),
            upstream_timeout=_seconds(variables, "upstream_timeout"),
        )


def _path(variables: Mapping[str, str], name: str) -> Path | None:
    text = variables.get(name, "")
    return Path(text) if text else None


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) < 65536 else None


def _seconds(variables: Mapping[str, str], name: str) -> float | None:
    return duration_or_none(variables.get(name, "")) or None
