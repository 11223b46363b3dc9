"""The files of a build context: listing them, their digests, and copying them to a working copy."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from faas_runtime.core.files import write_file

DOCKERFILE_NAME = "Dockerfile"
SUPPORT_FOLDER = ".faas"
"""Folder of a context for our own files that a Dockerfile copies: the watchdog."""

# A file that changes within a tick of the clock after it was read may keep its times.
_SETTLED_SECONDS = 2.0


def files_below(folder: Path | str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file of a context except the Dockerfile and our own: its path in `folder` and its status, sorted.

    A folder without content is among them, its path with a `/` at the end. Symbolic links are not followed.
    """
    for name, status in everything_below(folder):
        if name != DOCKERFILE_NAME and not name.startswith(f"{SUPPORT_FOLDER}/"):
            yield name, status


def everything_below(folder: Path | str, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """As `files_below`, with the Dockerfile and our own files; `prefix` is put before each path."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    if not entries and prefix:
        yield prefix, os.stat(folder)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            yield prefix + entry.name, entry.stat(follow_symlinks=False)
        else:
            yield from everything_below(entry.path, f"{prefix}{entry.name}/")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content in hexadecimal; a file that did not change is read once in a process."""
    status = path.stat()
    return _digest(str(path), *_identity(status))


def _identity(status: os.stat_result) -> tuple[int, ...]:
    # The time of the last change of status cannot be set by programs.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@functools.cache
def _digest(path: str, *_identity: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests_below(folder: Path) -> dict[str, str]:
    """What each of `files_below` holds, by its path: a digest of its content and whether it is executable.

    Files that did not change since they were read for an earlier build are not read again.
    """
    record = folder.with_name(f".{folder.name}.digests")
    known, kept, found = read_record(record), {}, {}
    settled = (time.time() - _SETTLED_SECONDS) * 1e9
    for name, status in files_below(folder):
        if name.endswith("/"):
            found[name] = ""
            continue
        identity = _identity(status)
        *last, digest = known.get(name) or [0, ""]
        if tuple(last) != identity:
            digest = _digest(f"{folder}/{name}", *identity)
        if max(status.st_mtime_ns, status.st_ctime_ns) < settled:
            kept[name] = [*identity, digest]
        found[name] = f"{digest} {status.st_mode & stat.S_IXUSR != 0:d}"
    if kept != known:
        write_file(record, json.dumps(kept), durable=False)
    return found


def read_record(path: Path) -> dict[str, Any]:
    """What an earlier run wrote to a file of JSON; empty when it is not there or damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def fingerprint(digests: Mapping[str, str]) -> str:
    """One digest of `digests_below`: of paths, executable bits and content."""
    total = hashlib.sha256()
    for name, digest in digests.items():
        # A file name is bytes, not always UTF-8.
        total.update(os.fsencode(f"{name}\0{digest}\0"))
    return total.hexdigest()


def matching(context: Path, names: Iterable[str]) -> list[str]:
    """The files of a context that a step's inputs name, in their order; those of a pattern are sorted."""
    found: dict[str, None] = {}
    for name in names:
        paths = sorted(context.glob(name)) if any(each in name for each in "*?[") else [context / name]
        found |= {path.relative_to(context).as_posix(): None for path in paths if path.is_file()}
    return list(found)


def sync_tree(source: Path, target: Path, keep: list[str]) -> None:
    """Make `target` a copy of `source`; writes only files that differ, and leaves the folders named by `keep` alone."""
    names = [name for name, _ in files_below(source)]
    if target.exists():
        _remove_others(str(target), "", set(names), _folders_of(names), {name.rstrip("/") for name in keep})
    for name in names:
        if name.endswith("/"):
            _make_folder(target / name)
        else:
            _copy_if_different(f"{source}/{name}", f"{target}/{name}")


def _folders_of(names: Iterable[str]) -> set[str]:
    """The folders of files and empty folders, at any depth."""
    found: set[str] = set()
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _remove_others(place: str, prefix: str, names: set[str], folders: set[str], kept: set[str]) -> None:
    with os.scandir(place) as listing:
        entries = list(listing)
    for entry in entries:
        path = prefix + entry.name
        if path in kept:
            continue
        if not entry.is_dir(follow_symlinks=False):
            if path not in names:
                os.unlink(entry.path)
        elif path in folders or any(each.startswith(f"{path}/") for each in kept):
            _remove_others(entry.path, f"{path}/", names, folders, kept)
        else:
            shutil.rmtree(entry.path)


def _make_folder(path: Path) -> None:
    if path.is_file() or path.is_symlink():
        path.unlink()
    path.mkdir(parents=True, exist_ok=True)


def _copy_if_different(source: str, target: str) -> None:
    if os.path.isdir(target):
        shutil.rmtree(target)
    try:
        if os.stat(target).st_mode == os.stat(source).st_mode and _content(target) == _content(source):
            return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)


def _content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()
