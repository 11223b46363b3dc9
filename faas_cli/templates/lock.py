"""`template.lock`: for each template its repository, commit and content, so that everybody builds from the same."""

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
    """Where a template is from, at which commit, and the hash of what is in it (empty in older lock files)."""

    repository: str
    ref: str = ""
    commit: str
    tree: str = ""


def read_lock(project: Path = Path()) -> dict[str, Locked]:
    """Everything the project's lock file says, by template; nothing when there is none. Raises FaasError."""
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
            raise FaasError(f"`{path}`: the commit of `{name}` is not one", hint="delete it and pull again")
    return entries


def write_lock(project: Path, changes: dict[str, Locked]) -> None:
    """Replace what the lock file says about these templates; the others stay."""
    entries = {**read_lock(project), **changes}
    text = json.dumps(msgspec.to_builtins(dict(sorted(entries.items()))), indent=2) + "\n"
    write_file(project / LOCK, text)
