"""`template.lock`: repository, commit and content hash of each template, for reproducible builds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from faas_cli.errors import FaasError
from faas_runtime.core.files import write_file

LOCK = "template.lock"

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


class Locked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A template's repository, commit and content hash (`tree`, empty in older lock files)."""

    repository: str
    ref: str = ""
    commit: str
    tree: str = ""


def read_lock(project: Path = Path()) -> dict[str, Locked]:
    """The entries of the project's lock file by template; empty if there is no file. Raises FaasError."""
    path = project / LOCK
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=dict[str, Locked])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, OSError) as err:
        reason = str(err) if isinstance(err, msgspec.DecodeError) else err.strerror
        raise FaasError(f"`{path}` cannot be read: {reason}", hint="delete it and pull again") from None
    for name, entry in entries.items():
        if not _COMMIT.fullmatch(entry.commit):
            raise FaasError(f"`{path}`: the commit of `{name}` is invalid", hint="delete it and pull again")
    return entries


def write_lock(project: Path, changes: dict[str, Locked]) -> None:
    """Replace these templates' entries in the lock file; the others stay."""
    entries = {**read_lock(project), **changes}
    text = json.dumps(msgspec.to_builtins(dict(sorted(entries.items()))), indent=2) + "\n"
    write_file(project / LOCK, text)
