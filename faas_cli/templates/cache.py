"""Templates kept once for all projects, each under the hash of everything in it.

A template that `template.lock` names is taken from here without a network, and without git.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from faas_runtime.core.paths import default_state_dir

RECORD = "meta.json"
"""Where a template in a project says it is from; no part of the template itself."""

_ALGORITHM = "sha256"


def tree_hash(folder: Path) -> str:
    """`sha256:` and the hash of a template's paths, bytes and executable bits."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).parts):
        name = path.relative_to(folder).as_posix()
        if name == RECORD or path.is_dir():
            continue
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        kind = "x" if path.stat().st_mode & 0o100 else "-"
        # A path may hold anything but NUL, which therefore ends it.
        total.update(f"{name}\0{kind}\0{content}\n".encode("utf-8", "surrogateescape"))
    return f"{_ALGORITHM}:{total.hexdigest()}"


def cached(tree: str) -> Path | None:
    """The folder with the template of this hash; None when there is none, or no longer all of it."""
    folder = _folder(tree)
    if folder is None or not folder.is_dir() or tree_hash(folder) != tree:
        return None
    return folder


def keep(folder: Path) -> str:
    """Put a template into the cache and return its hash. A cache that cannot be written keeps nothing."""
    tree = tree_hash(folder)
    target = _folder(tree)
    if target is None or cached(tree):
        return tree
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".keep-", dir=target.parent) as aside:
            made = Path(aside) / "new"
            shutil.copytree(folder, made, ignore=_without_record(folder))
            if target.exists():
                target.rename(Path(aside) / "damaged")
            made.rename(target)
    except OSError:
        # A cache is a convenience; another process may also have been the first.
        return tree
    return tree


def _folder(tree: str) -> Path | None:
    algorithm, _, digest = tree.partition(":")
    # The hash comes from a file of the project, and becomes a path.
    if algorithm != _ALGORITHM or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        return None
    return default_state_dir() / "templates" / digest


def _without_record(folder: Path) -> Callable[[str, list[str]], list[str]]:
    return lambda parent, names: [RECORD] if Path(parent) == folder and RECORD in names else []
