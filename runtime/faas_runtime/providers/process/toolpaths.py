"""Which folders of this machine a function without a base image needs: its interpreter's, and those of the system."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from faas_runtime.core.paths import search_path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries of the machine."""
_ETC = (
    *("ssl", "pki", "ca-certificates", "crypto-policies", "resolv.conf", "hosts", "nsswitch.conf", "host.conf"),
    *("gai.conf", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "passwd", "group"),
    *("alternatives", "protocols", "services", "mime.types", "os-release"),
)
"""Files of /etc that libraries read; none holds a secret."""
_MAX_LINKS = 8
_ASK = "import sys; print(sys.executable, sys.prefix, sys.base_prefix, sep='\\n')"


def has_base(rootfs: Path) -> bool:
    """Whether an unpacked image brings its own system: then it is shown nothing of the machine."""
    return any(os.path.lexists(rootfs / name) for name in ("bin/sh", "lib", "usr/lib"))


def command_in(fprocess: str) -> str:
    """The command with the real path of its Python, if that is a script which chooses one (pyenv)."""
    words = shlex.split(fprocess)
    if not words or not _is_python(words[0]):
        return fprocess
    path = next(iter(python_at(words[0])), "")
    return f"{shlex.quote(path)}{fprocess[len(words[0]) :]}" if path and fprocess.startswith(words[0]) else fprocess


def closed_to_others(folder: Path) -> bool:
    """Whether only the owner of a folder that is there, or its group, can open it."""
    try:
        found = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_mode & 0o005 != 0o005


@functools.lru_cache(maxsize=1024)
def open_to_others(rootfs: Path) -> None:
    """Let others read what the owner of an unpacked image reads: the function has a user number of its own. Blocking.

    The image is below the gateway's private folder: nobody else gets to it by that.
    """
    for path in (rootfs, *rootfs.rglob("*")):
        found = path.lstat()
        mode = stat.S_IMODE(found.st_mode)
        wanted = mode | (mode & 0o500) >> 6
        if not stat.S_ISLNK(found.st_mode) and wanted != mode:
            path.chmod(wanted)


def folders_to_show(fprocess: str, private: Iterable[Path]) -> list[str]:
    """Paths of the machine for the function that this command starts, without those that hold `private` ones."""
    etc = [f"/etc/{name}" for name in _ETC]
    kept = [*private, Path.home()]
    found: list[str] = []
    for folder in _tools(fprocess):
        # A home folder, or one with the gateway's own files, is never shown as a whole.
        if any(folder == each or folder in each.parents for each in kept) or folder == Path("/"):
            continue
        text = str(folder)
        if not any(text == each or text.startswith(f"{each}/") for each in (*SYSTEM, *found)):
            found.append(text)
    return [*SYSTEM, *etc, *found]


def _tools(fprocess: str) -> Iterator[Path]:
    yield Path(sys.prefix)
    yield Path(sys.base_prefix)
    words = shlex.split(fprocess) if fprocess else []
    found: str | None
    for name in ("python3", "node", *words[:1]):
        if _is_python(name):  # what is on PATH may be a script that chooses one (pyenv)
            found, *prefixes = python_at(name) or ("",)
            yield from map(Path, prefixes)
        else:
            found = shutil.which(name, path=search_path()) or ""
        if found and not (name.startswith(("./", "../"))):
            yield from _homes(Path(found))


def _homes(program: Path) -> Iterator[Path]:
    """The folder above `bin` of a program, and of each file that it is a link to."""
    for _ in range(_MAX_LINKS):
        yield program.parent.parent if program.parent.name == "bin" else program
        if not program.is_symlink():
            break
        program = program.parent / program.readlink()
    real = program.resolve()
    yield real.parent.parent if real.parent.name == "bin" else real


@functools.lru_cache(maxsize=64)
def python_at(name: str) -> tuple[str, ...]:
    """Path, prefix and base prefix of a Python; empty if it does not run."""
    path = shutil.which(name, path=search_path())
    try:
        done = subprocess.run([path or name, "-c", _ASK], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(done.stdout.splitlines()[:3])


def _is_python(word: str) -> bool:
    return Path(word).name.startswith("python")
