"""Content, configuration and labels of a function's image, the same for every builder."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faas_cli.images.builders.layers import LayerEntry, collect
from faas_cli.images.model import BuildJob
from faas_cli.templates.model import Recipe
from faas_runtime.images.store import BASE_NAME

HOME = "home/app"
"""The function's folder in its image."""
USER = "1000"
WATCHDOG = "/usr/bin/fwatchdog"

_HEALTHCHECK = {"Test": ["CMD", WATCHDOG, "--run-healthcheck"], "Interval": 3_000_000_000}


def system_entries(recipe: Recipe, watchdog: Path) -> list[LayerEntry]:
    """The files of every image: the watchdog and, without a base image, the system files."""
    entries = [LayerEntry("usr/bin/fwatchdog", 0o755, source=watchdog), LayerEntry(HOME, 0o755)]
    return entries if recipe.images.runtime != "scratch" else [*entries, *system_files()]


def system_files() -> list[LayerEntry]:
    """Account, certificates and a writable `/tmp`, for an image without a base."""
    return [
        LayerEntry("etc/passwd", 0o644, content=f"app:x:{USER}:{USER}::/{HOME}:/sbin/nologin\n".encode()),
        LayerEntry("etc/group", 0o644, content=f"app:x:{USER}:\n".encode()),
        LayerEntry("etc/ssl/certs/ca-certificates.crt", 0o644, source=_certificates()),
        # For the watchdog's lock file; writable for everyone, as usual.
        LayerEntry("tmp", 0o1777),
    ]


def app_entries(recipe: Recipe, context: Path) -> list[LayerEntry]:
    """The function's own files: those the recipe includes, except the outputs of the dependency step."""
    made = recipe.dependencies.outputs if recipe.dependencies else []
    return collect(context, recipe.runtime.include, HOME, [*recipe.runtime.exclude, *made])


def dependency_excludes(recipe: Recipe) -> list[str]:
    """The patterns of `exclude` for dependencies: paths only, since a name would match their modules, too."""
    return [pattern for pattern in recipe.runtime.exclude if "/" in pattern]


def image_config(job: BuildJob, recipe: Recipe, architecture: str, diff_ids: Sequence[str]) -> dict[str, Any]:
    """The image configuration (OCI image specification 1.1, config.md)."""
    template = job.template
    assert template is not None
    environment = {"fprocess": template.fprocess, **recipe.runtime.env}
    labels = {"org.opencontainers.image.title": job.function.name, **recipe.runtime.labels, **job.options.labels}
    return {
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": USER,
            "WorkingDir": f"/{HOME}",
            "Env": [f"{key}={value}" for key, value in sorted(environment.items())],
            "Cmd": [WATCHDOG],
            "ExposedPorts": {"8080/tcp": {}},
            "Labels": labels,
            "Healthcheck": _HEALTHCHECK,
        },
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "faas build"} for _ in diff_ids],
    }


def image_annotations(recipe: Recipe) -> dict[str, str]:
    """Annotations of the manifest: the base image's name, if any."""
    return {} if recipe.images.runtime == "scratch" else {BASE_NAME: recipe.images.runtime}


def _certificates() -> Path:
    import certifi

    return Path(certifi.where())


@functools.lru_cache
def source_labels(project: Path) -> dict[str, str]:
    """OCI labels with revision, source and time of a project's git commit; empty outside a repository.

    `created` is the commit's time, so that the same revision gives the same image everywhere.
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
