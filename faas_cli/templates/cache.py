"""The cache of templates for all projects, by the hash of their content.

A template in `template.lock` is read from here without network and git.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from faas_runtime.core.paths import default_state_dir

RECORD = "meta.json"
"""File with a template's origin; not part of its content."""

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
        # A path can contain any byte except NUL, which therefore ends it.
        total.update(f"{name}\0{kind}\0{content}\n".encode("utf-8", "surrogateescape"))
    return f"{_ALGORITHM}:{total.hexdigest()}"


def cached(tree: str) -> Path | None:
    """The folder of the template with this hash; None if it is missing or damaged."""
    folder = _folder(tree)
    if folder is None or not folder.is_dir() or tree_hash(folder) != tree:
        return None
    return folder


def keep(folder: Path) -> str:
    """Put a template into the cache and return its hash. A cache that cannot be written is ignored."""
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
        # The cache is optional, and another process may have stored the same template.
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
