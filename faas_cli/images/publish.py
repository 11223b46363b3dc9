"""How a function is published: by us without an engine where we can build it, else by BuildKit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from faas_cli.errors import BuildError, FaasError, UsageError
from faas_cli.images.builders.buildx import find_command
from faas_cli.images.builders.buildx_publish import BuildxPublisher
from faas_cli.images.builders.choose import check_flags
from faas_cli.images.builders.engine import require_engine
from faas_cli.images.builders.oci import OciBuilder
from faas_cli.images.model import BuildJob, BuildOptions, BuildReporter
from faas_cli.registry.client import Manifest
from faas_cli.registry.push import Push, put_index
from faas_runtime.core.paths import default_state_dir, images_dir
from faas_runtime.images.store import ImageStore


class Publisher(Protocol):
    """Builds a job for its platforms (those of its options) and pushes it."""

    name: str

    def publish(self, job: BuildJob, extra_tags: Sequence[str], report: BuildReporter) -> str:
        """Build and push; returns the digest in the registry. Raises FaasError."""


class OciPublisher:
    """Builds with this machine's tools and pushes an index that names an image for each platform."""

    name = "oci"

    def __init__(self) -> None:
        self._state = default_state_dir()
        self._store = ImageStore(images_dir(self._state))

    def check(self, job: BuildJob) -> None:
        """Raise BuildError for a job that cannot be built here for each of its platforms."""
        for builder in self._builders(job).values():
            builder.check(job)

    def publish(self, job: BuildJob, extra_tags: Sequence[str], report: BuildReporter) -> str:
        """Build and push; returns the index's digest. Raises FaasError."""
        # Before anything is built or pushed: an image for half of the platforms helps nobody.
        self.check(job)
        manifests: dict[str, Manifest] = {}
        for architecture, builder in self._builders(job).items():
            report.step(job.function.name, f"building for linux/{architecture}")
            # A name of its own for each platform; only what is pushed gets the image's.
            local = replace(job, image=f"{job.image}-{architecture}")
            builder.build(local, report)
            push = Push(self._store, self._state / "build", local.image)
            manifests[architecture] = push.run(target=job.image, tagged=False)
        return put_index(job.image, manifests, extra_tags)

    def _builders(self, job: BuildJob) -> dict[str, OciBuilder]:
        architectures = (platform.partition("/")[2] for platform in job.options.platforms)
        return {each: OciBuilder(self._store, self._state / "build", each) for each in architectures}


def choose_publisher(job: BuildJob, report: BuildReporter) -> Publisher:
    """Who publishes a job, with the reason told.

    Raises UsageError for flags that exclude each other, FaasError when the one asked for cannot work here.
    """
    options, name = job.options, job.function.name
    if options.remote_builder:
        from faas_cli.images.builders.remote import RemoteBuilder

        report.note(name, f"builder: remote (asked for; it is at {options.remote_builder})")
        return RemoteBuilder(options)
    if options.builder == "docker":
        hint = "`--builder oci` needs no engine, `--builder buildx` builds whatever has a Dockerfile"
        raise UsageError("`--builder docker` makes images for the engine alone and cannot publish", hint=hint)
    ours = OciPublisher()
    if options.builder == "buildx":
        report.note(name, "builder: buildx (asked for)")
        return _buildx(options)
    try:
        ours.check(job)
    except BuildError as err:
        if options.builder == "oci":
            raise
        publisher = _instead_of(ours, err, options)
        report.note(name, f"builder: buildx ({err.message})")
        return publisher
    check_flags(replace(options, builder="oci"))
    reason = "asked for" if options.builder == "oci" else "this machine's tools can build it for every platform"
    report.note(name, f"builder: oci ({reason})")
    return ours


def _instead_of(ours: OciPublisher, err: BuildError, options: BuildOptions) -> Publisher:
    try:
        return _buildx(options)
    except FaasError as missing:
        raise BuildError(f"{err.message}, and BuildKit is not there: {missing.message}", hint=missing.hint) from None


def _buildx(options: BuildOptions) -> Publisher:
    check_flags(replace(options, builder="buildx"))
    engine = require_engine("buildx")
    return BuildxPublisher(engine, find_command(default_state_dir() / "build" / "docker-command.json"))
