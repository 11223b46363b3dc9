"""Labels that say where an image's files come from, after the OCI image specification's annotations."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path


@functools.lru_cache
def source_labels(project: Path) -> dict[str, str]:
    """Labels of where a project's files come from, by git: empty when it is in no repository.

    `created` is the commit's time, so that the same revision gives the same image anywhere.
    """
    if not any((folder / ".git").exists() for folder in (project, *project.parents)):
        return {}
    commit = _git(project, "log", "-1", "--format=%H %cI").split()
    if len(commit) != 2:
        return {}
    labels = {"org.opencontainers.image.revision": commit[0], "org.opencontainers.image.created": commit[1]}
    source = re.sub(r"^(\w+://)[^/@]*@", r"\1", _git(project, "config", "--get", "remote.origin.url"))
    return {**labels, "org.opencontainers.image.source": source} if source else labels


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
