"""Publishing a function for several platforms: without an engine where possible, else with BuildKit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faas_cli.errors import BuildError, FaasError, UsageError
from faas_cli.images.builders.buildx import find_command
from faas_cli.images.builders.buildx_publish import BuildxPublisher
from faas_cli.images.builders.choose import check_flags
from faas_cli.images.builders.engine import require_engine
from faas_cli.images.builders.oci import OciBuilder
from faas_cli.images.context_files import complete
from faas_cli.images.dockerfile.render import uses_buildkit
from faas_cli.images.model import BuildJob, BuildOptions, BuildReporter, BuildResult
from faas_cli.images.plan import exclusive, prepare
from faas_cli.images.report import ConsoleReporter
from faas_cli.images.workers import work_on
from faas_cli.registry.client import Manifest
from faas_cli.registry.push import Push, put_index
from faas_cli.registry.reference import check_pushable
from faas_cli.stack.model import Function, Stack
from faas_runtime.core.paths import default_state_dir, images_dir
from faas_runtime.images.store import ImageStore

if TYPE_CHECKING:
    from faas_cli.console import Console

ARCHITECTURES = ("amd64", "arm64")


class Publisher(Protocol):
    """Builds a job for the platforms of its options and pushes it."""

    name: str

    def publish(self, job: BuildJob, extra_tags: Sequence[str], report: BuildReporter) -> str:
        """Build and push; returns the digest in the registry. Raises FaasError."""


class OciPublisher:
    """Builds with local tools and pushes an index with one image per platform."""

    name = "oci"

    def __init__(self) -> None:
        self._state = default_state_dir()
        self._store = ImageStore(images_dir(self._state))

    def check(self, job: BuildJob) -> None:
        """Raise BuildError unless the job can be built here for all its platforms."""
        for builder in self._builders(job).values():
            builder.check(job.function, job.template, job.build_args)

    def publish(self, job: BuildJob, extra_tags: Sequence[str], report: BuildReporter) -> str:
        """Build and push; returns the index's digest. Raises FaasError."""
        # Check first, so that never an image for only some of the platforms is pushed.
        self.check(job)
        manifests: dict[str, Manifest] = {}

        def waiting(text: str) -> None:
            report.note(job.function.name, text)

        for architecture, builder in self._builders(job).items():
            report.step(job.function.name, f"building for linux/{architecture}")
            # Each platform has its own local name; only the pushed index has the image's.
            local = replace(job, image=f"{job.image}-{architecture}")
            builder.build(local, report)
            push = Push(self._store, self._state / "build", local.image, waiting=waiting)
            manifests[architecture] = push.run(target=job.image, tagged=False)
        return put_index(job.image, manifests, extra_tags)

    def _builders(self, job: BuildJob) -> dict[str, OciBuilder]:
        architectures = (platform.partition("/")[2] for platform in job.options.platforms)
        return {each: OciBuilder(self._store, self._state / "build", each) for each in architectures}


def choose_publisher(job: BuildJob, report: BuildReporter) -> Publisher:
    """The publisher for a job; reports which one and why.

    Raises UsageError for conflicting flags, FaasError when the requested builder is not available.
    """
    options, name = job.options, job.function.name
    if options.remote_builder:
        from faas_cli.images.builders.remote import RemoteBuilder

        report.note(name, f"builder: remote (requested; it is at {options.remote_builder})")
        return RemoteBuilder(options)
    if options.builder == "docker":
        hint = "`--builder oci` needs no engine, `--builder buildx` builds any Dockerfile"
        raise UsageError("`--builder docker` builds images for the engine only and cannot publish", hint=hint)
    ours = OciPublisher()
    if options.builder == "buildx":
        report.note(name, "builder: buildx (requested)")
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
    reason = "requested" if options.builder == "oci" else "local tools can build it for every platform"
    report.note(name, f"builder: oci ({reason})")
    return ours


def _instead_of(ours: OciPublisher, err: BuildError, options: BuildOptions) -> Publisher:
    try:
        return _buildx(options)
    except FaasError as missing:
        raise BuildError(f"{err.message}, and BuildKit is missing: {missing.message}", hint=missing.hint) from None


def _buildx(options: BuildOptions) -> Publisher:
    check_flags(replace(options, builder="buildx"))
    engine = require_engine("buildx")
    return BuildxPublisher(engine, find_command(default_state_dir() / "build" / "docker-command.json"))


def publish_all(
    stack: Stack,
    functions: Sequence[Function],
    options: BuildOptions,
    console: Console,
    platforms: str = "",
    extra_tags: tuple[str, ...] = (),
) -> bool:
    """Build functions for platforms (the stack file's by default), push and report them; return whether all arrived.

    Raises UsageError for contradictory options.
    """
    if options.why:
        raise UsageError("`--why` is for `faas build` only")
    with ConsoleReporter(console, functions, options) as report:

        def work(worker: int, function: Function) -> BuildResult:
            chosen, begun = _for_platforms(options, platforms or function.platforms), time.monotonic()
            if function.skip_build:
                report.say(f"Skipping {function.name}")
                return BuildResult(function.name, function.image, 0.0, skipped=True)
            report.say(f"[{worker}] > Building {function.name}.")
            error: FaasError | None = None
            try:
                with exclusive(function, Path(), report):
                    _publish(stack, function, chosen, extra_tags, report)
            except FaasError as err:
                error = err
            seconds = time.monotonic() - begun
            report.say(f"[{worker}] < Building {function.name} done in {seconds:.2f}s.")
            return BuildResult(function.name, function.image, seconds, error=error)

        results = work_on(functions, options.parallel, work, ended=report.ended)
    report.summary(results)
    return all(result.error is None for result in results)


def architectures(platforms: str) -> list[str]:
    """The architectures of a list like `linux/amd64,linux/arm64`. Raises UsageError for one we have no watchdog for."""
    found = []
    for platform in (platforms or "linux/amd64").split(","):
        system, _, architecture = platform.strip().partition("/")
        if system != "linux" or architecture not in ARCHITECTURES:
            offered = ", ".join(f"linux/{each}" for each in ARCHITECTURES)
            what = f"`{platform.strip()}` is not a platform functions can be built for"
            raise UsageError(what, hint=f"there are {offered}")
        found.append(architecture)
    return list(dict.fromkeys(found))


def _for_platforms(options: BuildOptions, platforms: str) -> BuildOptions:
    return replace(options, platforms=tuple(f"linux/{each}" for each in architectures(platforms)))


def _publish(
    stack: Stack, function: Function, options: BuildOptions, extra_tags: tuple[str, ...], report: ConsoleReporter
) -> None:
    job = prepare(stack, function, options, Path())
    for remark in job.remarks:
        report.note(function.name, remark)
    if options.shrinkwrap:
        complete(job, report, buildkit=uses_buildkit(job))
        report.say(f"{function.name} shrink-wrapped to build/{function.name}")
        return
    check_pushable(job.image)
    publisher = choose_publisher(job, report)
    if publisher.name == "buildx":
        # BuildKit's Dockerfile has cache mounts, and its context a watchdog for every platform.
        job = prepare(stack, function, replace(options, builder="buildx"), Path())
    report.note(function.name, f"platforms: {', '.join(options.platforms)}")
    report.say(f"Building: {job.image} with {function.lang} template. Please wait..")
    digest = publisher.publish(job, extra_tags, report)
    report.say(f"Image: {job.image} built.")
    report.result(f"{function.name}: {digest}")
