"""Secrets of a gateway: their names, and where their values are read from."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.console import Console, read_input
from faas_cli.errors import FaasError, GatewayError, UsageError
from faas_runtime.core.api import DEFAULT_NAMESPACE, Secret

if TYPE_CHECKING:
    from faas_cli.gateway.client import GatewayClient

SECRETS_FOLDER = Path(".secrets")
"""A project's secrets, one per file."""

# A DNS subdomain, as Kubernetes requires.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def check_name(name: str) -> None:
    """Raise UsageError unless `name` is a DNS subdomain."""
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise UsageError(f"`{name}` is not a valid secret name: use lower-case letters, digits, `-` and `.`")


def read_secret(
    name: str, namespace: str, literal: str | None, file: Path | None, console: Console, *, trim: bool
) -> Secret:
    """The secret with its value from a literal, a file or standard input.

    A file's bytes go untrimmed into `raw_value`, as faas-cli sends them. Raises UsageError for two
    sources, FaasError for a file that cannot be read or an empty value.
    """
    if literal is not None and file is not None:
        raise UsageError("`--from-literal` and `--from-file` exclude each other")
    raw = b""
    if literal is not None:
        text = literal
    elif file is not None:
        raw = read_bytes(file)
        text = raw.decode("utf-8", "replace")
    else:
        text = read_input(console)
    value = text.strip() if trim else text
    if not value:
        raise FaasError(f"the value of secret `{name}` is empty")
    return Secret(name=name, namespace=namespace, value=value, raw_value=base64.b64encode(raw).decode() if raw else "")


def read_bytes(file: Path) -> bytes:
    """A file's content. Raises FaasError when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as err:
        raise FaasError(f"`{file}` cannot be read: {err.strerror}") from None


def apply_folder(client: GatewayClient, namespace: str, console: Console, *, trim: bool) -> bool:
    """Create or update a secret from every file of `SECRETS_FOLDER`, and report each; return whether all worked.

    Raises FaasError when the folder does not exist.
    """
    if not SECRETS_FOLDER.is_dir():
        raise FaasError(f"there is no folder `{SECRETS_FOLDER}`", hint="create it with one file per secret")
    files = sorted(path for path in SECRETS_FOLDER.iterdir() if path.is_file())
    if not files:
        console.info(f"`{SECRETS_FOLDER}` is empty: nothing to do")
    failed = [path.name for path in files if not _apply_one(client, path, namespace, console, trim=trim)]
    if failed:
        console.error(f"not stored: {', '.join(failed)}")
    return not failed


def _apply_one(client: GatewayClient, path: Path, namespace: str, console: Console, *, trim: bool) -> bool:
    if not _NAME.fullmatch(path.name):
        console.warning(f"skipping `{path}`: not a valid secret name")
        return True
    if not path.read_bytes().strip():
        console.warning(f"skipping `{path}`: it is empty")
        return True
    secret = read_secret(path.name, namespace, None, path, console, trim=trim)
    try:
        status = client.set_secret(secret)
    except GatewayError as err:
        console.error(err.message, err.hint)
        return False
    console.data(f"Applied secret: {path.name}.{namespace or DEFAULT_NAMESPACE} ({status})")
    return True
