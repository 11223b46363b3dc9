"""What the results of the builder without an engine are found by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec

from faas_cli.images.context import fingerprint
from faas_cli.images.model import BuildJob
from faas_cli.images.toolchains import Toolchain
from faas_cli.templates.model import Recipe, Step
from faas_runtime.core.paths import watchdog_binary

# Raised when what a build writes changes although its inputs do not.
FORMAT = "1"


def build_key(job: BuildJob, recipe: Recipe, toolchain: Toolchain, architecture: str) -> str:
    """The name of a build\'s result: the same for the same inputs, in whatever order they are given."""
    watchdog = watchdog_binary("linux", architecture).stat()
    assert job.template is not None
    parts = {
        "format": FORMAT,
        "context": fingerprint(job.context),
        "recipe": msgspec.to_builtins(recipe),
        "fprocess": job.template.fprocess,
        "toolchain": toolchain.identity,
        "architecture": architecture,
        "watchdog": [watchdog.st_size, watchdog.st_mtime_ns],
        "arguments": dict(job.build_args),
        "labels": dict(job.options.labels),
        "function": job.function.name,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def inputs_digest(work: Path, step: Step, toolchain: Toolchain) -> str:
    """A digest of what a step reads and what runs it."""
    total = hashlib.sha256(f"{step.run}\0{toolchain.identity}\0".encode())
    for name in step.inputs:
        path = work / name
        total.update(f"{name}\0".encode())
        total.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return total.hexdigest()
