"""The Python interpreters and the C library of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from faas_runtime.core.paths import search_path

# Where pyenv and uv keep interpreters that are not on PATH, below the home folder.
_KEPT = (".pyenv/versions/{minor}.*/bin", ".local/share/uv/python/cpython-{minor}.*/bin")


@lru_cache
def find_python(minor: str) -> str:
    """Path of an interpreter of that version, such as `3.13`; empty if this machine has none."""
    default = default_python()
    if python_minor(default) == minor:
        return default
    name = f"python{minor}"
    folders = [Path(folder) for folder in search_path().split(os.pathsep)]
    for pattern in _KEPT:
        folders += sorted(Path.home().glob(pattern.format(minor=minor)))
    # A script of that name (pyenv) may choose another version or none.
    return next((str(folder / name) for folder in folders if _is_program(folder / name)), "")


def default_python() -> str:
    """Path of the interpreter that `python3` means."""
    return shutil.which("python3", path=search_path()) or sys.executable


@lru_cache
def python_minor(python: str) -> str:
    """The version of an interpreter without its last part, `3.11`; empty if it does not run."""
    named = re.fullmatch(r"python(3\.\d+)", Path(python).resolve().name)
    if named:
        return named[1]
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def machine_libc() -> str:
    """This machine's C library: `glibc` or `musl`."""
    try:
        return "glibc" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
    except (ValueError, OSError):
        return "musl"


def _is_program(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return os.access(path, os.X_OK) and stream.read(2) != b"#!"
    except OSError:
        return False
