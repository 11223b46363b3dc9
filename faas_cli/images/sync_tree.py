"""Making one folder the copy of another while touching as little as possible."""

from __future__ import annotations

import shutil
from pathlib import Path

from faas_cli.images.context import files_below


def mirror(source: Path, target: Path, keep: list[str]) -> None:
    """Make `target` a copy of `source`, touching only what differs, and leaving alone the folders `keep` names."""
    kept = tuple(target / name for name in keep)
    wanted = {path.relative_to(source) for path in files_below(source)}
    if target.exists():
        for path in list(files_below(target)):
            if path.relative_to(target) not in wanted and not any(path.is_relative_to(folder) for folder in kept):
                path.unlink()
    for name in wanted:
        _copy_if_different(source / name, target / name)


def _copy_if_different(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    if (
        target.exists()
        and target.stat().st_mode == source.stat().st_mode
        and target.read_bytes() == source.read_bytes()
    ):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
