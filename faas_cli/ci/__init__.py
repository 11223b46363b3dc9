"""Pipelines for hosted services: each builds, tests and pushes the functions of a stack, and deploys them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from faas_cli.errors import UsageError
from faas_runtime.core.distribution import requirement

SERVICES = {"github": Path(".github/workflows/functions.yml"), "gitlab": Path(".gitlab-ci.yml")}
"""Where each service looks for its pipeline, from the root of a repository."""


def write_pipeline(service: str, project: Path = Path()) -> Path:
    """Write the pipeline of a service into a project; returns its path. Raises UsageError when one is there."""
    target = project / SERVICES[service]
    if target.exists():
        raise UsageError(f"`{target}` is there already; nothing was changed")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(pipeline(service), encoding="utf-8")
    return target


def pipeline(service: str) -> str:
    """The text of a service's pipeline. It installs what is installed here: the same version, or the same address."""
    text = (Path(__file__).parent / f"{service}.yml").read_text(encoding="utf-8")
    install = f"pip install {shlex.quote(requirement('go', 'node'))}"
    return text.replace("INSTALL", json.dumps(install, ensure_ascii=False))
