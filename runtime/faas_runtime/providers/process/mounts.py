"""Mounts a function's secrets at the usual path, in a mount namespace of its own, where the system allows it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from faas_runtime.core.api import SECRETS_PATH

_BIND = f'mount --bind "$0" {SECRETS_PATH} && exec "$@"'


def in_secrets_namespace(command: list[str], folder: Path) -> list[str]:
    """The command, wrapped so that it sees `folder` at the usual path; unchanged where that is not possible."""
    prefix = namespace_prefix()
    return [*prefix, "/bin/sh", "-c", _BIND, str(folder), *command] if prefix else command


@functools.cache
def namespace_prefix() -> tuple[str, ...]:
    """The `unshare` command that works on this machine, or nothing. Tested once."""
    if not Path(SECRETS_PATH).is_dir() or not shutil.which("unshare") or not shutil.which("mount"):
        return ()
    # As root of a container or of the machine, without a user namespace; else with one that keeps our own number.
    options = ("--mount",) if os.geteuid() == 0 else ("--user", "--map-root-user", "--mount")
    prefix = ("unshare", *options, "--propagation", "private")
    try:
        probe = subprocess.run(
            [*prefix, "/bin/sh", "-c", f"mount --bind / {SECRETS_PATH}"], capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return prefix if probe.returncode == 0 else ()
