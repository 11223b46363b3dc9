"""How this installation of the package was made (PEP 610), so that hints print a command that repeats it."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from faas_runtime import __version__

DISTRIBUTION = "faaskit"
"""Name of the distribution; its console scripts are `faas` and `faas-cli`."""


def requirement(*extras: str) -> str:
    """The requirement that installs this version again with these extras.

    `faaskit[go] @ git+https://host/repository@commit`, or the address of a file or folder, if this installation came
    from one; else `faaskit[go]==VERSION`.
    """
    name = _with_extras(DISTRIBUTION, extras)
    address = _address(_direct_url())
    return f"{name} @ {address}" if address else f"{name}=={__version__}"


def install_command(*extras: str) -> str:
    """The shell command that installs this version again with these extras; an editable installation stays editable."""
    origin = _direct_url()
    folder = urlsplit(str(origin.get("url", "")))
    if _table(origin, "dir_info").get("editable") is True and folder.scheme == "file":
        return f"pip install --editable {shlex.quote(_with_extras(unquote(folder.path), extras))}"
    return f"pip install {shlex.quote(requirement(*extras))}"


def _with_extras(name: str, extras: tuple[str, ...]) -> str:
    return f"{name}[{','.join(extras)}]" if extras else name


def _direct_url() -> dict[str, Any]:
    """What pip wrote about the origin; empty for an index, and where nothing can be read."""
    from importlib import metadata  # takes 20 ms to import, and only hints need it

    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
        content = json.loads(text or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _table(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _address(origin: dict[str, Any]) -> str:
    url = _without_password(str(origin.get("url", "")))
    control, archive = _table(origin, "vcs_info"), _table(origin, "archive_info")
    if not url:
        return ""
    fragment = []
    if control:
        url = f"{control.get('vcs', 'git')}+{url}"
        revision = control.get("commit_id") or control.get("requested_revision")
        url += f"@{revision}" if revision else ""
    hashes = _table(archive, "hashes")
    if "sha256" in hashes:
        fragment.append(f"sha256={hashes['sha256']}")
    if origin.get("subdirectory"):
        fragment.append(f"subdirectory={origin['subdirectory']}")
    return f"{url}#{'&'.join(fragment)}" if fragment else url


def _without_password(url: str) -> str:
    """The URL as it may be printed: pip keeps a user such as ssh's `git`, and credentials only as variables."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if ":" in user and "$" not in user:
        at, user = "", ""
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}"))
