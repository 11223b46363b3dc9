"""The builder without an engine: runs the template's steps with local tools and writes reproducible layers.

A digest over all inputs (context, recipe, tool versions) identifies a result, so a build without
changes runs no step. Steps run in a working copy of the context that is kept between builds,
together with its dependencies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from faas_cli.errors import BuildError
from faas_cli.images.base import Base, base_of
from faas_cli.images.builders.install import FORMAT
from faas_cli.images.builders.steps import RecipeRun
from faas_cli.images.model import BuildJob, BuildOutcome, BuildReporter
from faas_cli.images.toolchains import Toolchain, find_toolchain
from faas_cli.images.tree import fingerprint
from faas_cli.stack.model import Function
from faas_cli.templates.model import Recipe, Template
from faas_runtime.core.files import locked, write_file
from faas_runtime.core.paths import host_architecture, watchdog_binary
from faas_runtime.images.interpreter import local_layers
from faas_runtime.images.store import ImageStore


class OciBuilder:
    """Builds into the local image store; `cache` holds working copies and earlier results.

    `architecture` is the image's; it defaults to this machine's. Another one is possible only where the
    compiler supports it and the image has no base: Go.
    """

    name = "oci"

    def __init__(self, store: ImageStore, cache: Path, architecture: str = "") -> None:
        self._store = store
        self._cache = cache
        self._architecture = architecture or host_architecture()
        self._running: set[RecipeRun] = set()

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError; `detail` holds the failing tool's output."""
        recipe = self.check(job.function, job.template, job.build_args)
        name, runtime = job.function.name, recipe.images.runtime
        known_bases = self._cache / "bases"
        base = base_of(runtime, self._architecture, recipe.toolchain, known_bases, lambda text: report.note(name, text))
        toolchain = find_toolchain(recipe.toolchain, base.python)
        key = build_key(job, recipe, toolchain, base)
        known = None if job.options.no_cache else self._result_of(key)
        if known is not None:
            self._tag(job.image, known)
            return BuildOutcome(digest=known, cached=True)
        with self._working_copy(job) as work:
            run = RecipeRun(self._store, job, recipe, toolchain, work, report, base)
            self._running.add(run)
            try:
                digest = run.run()
            finally:
                self._running.discard(run)
        self._save_result(key, digest)
        return BuildOutcome(digest=digest)

    def stop(self) -> None:
        """Kill the steps of the running builds."""
        for run in list(self._running):
            run.stop()

    def check(self, function: Function, template: Template | None, arguments: Mapping[str, str]) -> Recipe:
        """The recipe of a function. Raises BuildError when this builder cannot build it."""
        name = f"`{function.name}`"
        reason = engine_reason(template, arguments)
        if reason or template is None or template.recipe is None:
            raise BuildError(
                f"{name} {reason}, which needs a container engine",
                hint="start Docker and build with `--builder docker`",
            )
        recipe = template.recipe
        try:
            watchdog_binary("linux", self._architecture)
        except FileNotFoundError as err:
            raise BuildError(f"{name} cannot be built: {err}", hint="install faas from its wheel") from None
        if self._architecture == host_architecture():
            return recipe
        if recipe.toolchain != "go" or recipe.images.runtime != "scratch":
            platform = f"linux/{self._architecture}"
            raise BuildError(
                f"{name} cannot be built for {platform} on this machine without an engine",
                hint=f"build it with `--builder buildx`, or on a machine that is {platform}",
            )
        return recipe

    def _result_of(self, key: str) -> str | None:
        try:
            digest = (self._cache / "results" / key).read_text(encoding="utf-8")
            manifest = self._store.manifest(digest)
            self._store.verified(manifest["config"]["digest"])
        except (OSError, LookupError):
            return None
        # A layer is hashed when it is pushed or unpacked; here its size must do, for the sake of speed.
        present = all(self._store.has(blob["digest"], blob["size"]) for blob in manifest["layers"])
        present = present and all(self._store.blob_path(layer).exists() for layer in local_layers(manifest))
        return digest if present else None

    def _tag(self, image: str, digest: str) -> None:
        with contextlib.suppress(LookupError):
            if self._store.digest_of(image) == digest:
                return
        self._store.tag(digest, image)

    def _save_result(self, key: str, digest: str) -> None:
        write_file(self._cache / "results" / key, digest, durable=False)

    @contextlib.contextmanager
    def _working_copy(self, job: BuildJob) -> Iterator[Path]:
        """The folder of a working copy, locked: one build at a time may use it."""
        name = hashlib.sha256(str(job.context.resolve()).encode()).hexdigest()[:16]
        folder = self._cache / "work" / f"{job.function.name}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / "lock"):
            if job.options.no_cache:
                shutil.rmtree(folder / "context", ignore_errors=True)
                (folder / "dependencies.json").unlink(missing_ok=True)
            yield folder


def build_key(job: BuildJob, recipe: Recipe, toolchain: Toolchain, base: Base) -> str:
    """The key of a build's result; the order of arguments and labels does not matter."""
    watchdog = watchdog_binary("linux", base.architecture).stat()
    assert job.template is not None
    parts = {
        "format": FORMAT,
        "context": fingerprint(job.digests),
        "recipe": msgspec.to_builtins(recipe),
        "fprocess": job.template.fprocess,
        "toolchain": toolchain.identity,
        "base": str(base),
        "watchdog": [watchdog.st_size, watchdog.st_mtime_ns],
        "arguments": dict(job.build_args),
        "labels": dict(job.options.labels),
        "function": job.function.name,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def engine_reason(template: Template | None, arguments: Mapping[str, str]) -> str:
    """Why only a container engine can build a function, as a phrase about it; empty if local tools can, too."""
    if template is None:
        return "is built from a Dockerfile"
    if template.recipe is None:
        return f"is built from the template `{template.name}`, which only has a Dockerfile"
    if packages := arguments.get("ADDITIONAL_PACKAGE"):
        return f"needs system packages ({packages})"
    return ""
