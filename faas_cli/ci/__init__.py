"""Pipelines for CI services: each builds, tests and pushes the functions of a stack, and deploys them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from faas_cli.errors import UsageError
from faas_runtime.core.distribution import requirement

SERVICES = {"github": Path(".github/workflows/functions.yml"), "gitlab": Path(".gitlab-ci.yml")}
"""Path of the pipeline in a repository, by service."""

LOGINS = {
    "password": (
        """printf '%s' "$OPENFAAS_PASSWORD" | faas login --gateway "$OPENFAAS_URL" --password-stdin""",
        ("OPENFAAS_URL", "OPENFAAS_PASSWORD"),
    ),
    "oidc": (
        'faas auth --grant client_credentials --token-url "$OIDC_TOKEN_URL" --client-id "$OIDC_CLIENT_ID" '
        '--gateway "$OPENFAAS_URL"',
        ("OPENFAAS_URL", "OIDC_TOKEN_URL", "OIDC_CLIENT_ID", "OPENFAAS_CLIENT_SECRET"),
    ),
}
"""How a pipeline logs in to the gateway: the command, and the variables it needs."""


def write_pipeline(service: str, login: str, project: Path = Path()) -> Path:
    """Write the pipeline of a service into a project; returns its path. Raises UsageError when it exists."""
    target = project / SERVICES[service]
    if target.exists():
        raise UsageError(f"`{target}` already exists; nothing was changed", hint="remove or rename it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(pipeline(service, login), encoding="utf-8")
    return target


def local_origin() -> str:
    """The address on this machine that this installation came from, which a hosted runner cannot reach; else empty."""
    address = requirement().partition(" @ ")[2]
    return address if address.removeprefix("git+").startswith("file:") else ""


def pipeline(service: str, login: str) -> str:
    """The text of a service's pipeline; `login` is one of `LOGINS`.

    It installs the same version, or from the same address, as this installation.
    """
    text = (Path(__file__).parent / f"{service}.yml").read_text(encoding="utf-8")
    install = f"pip install {shlex.quote(requirement('go', 'node'))}"
    command, names = LOGINS[login]
    variables = "\n          ".join(f"{name}: ${{{{ secrets.{name} }}}}" for name in names)
    # A list item that begins with quotes, or holds `: `, must be quoted for YAML.
    entry = command if service == "github" else json.dumps(command, ensure_ascii=False)
    filled = {
        "INSTALL": json.dumps(install, ensure_ascii=False),
        "LOGIN": entry,
        "NEEDED": ", ".join(names),
        "VARIABLES": variables,
    }
    for key, value in filled.items():
        text = text.replace(key, value, 1)
    return text
