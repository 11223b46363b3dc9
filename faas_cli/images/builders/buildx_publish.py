"""Building for several platforms with the plugin `buildx`, which pushes the result itself."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from faas_cli.errors import BuildError, FaasError
from faas_cli.images.builders.buildx import BuildKitCommand, PlainProgress, build_flags, run_command
from faas_cli.images.context_files import complete, dockerfile_text
from faas_cli.images.dockerfile.parse import parse
from faas_cli.images.dockerfile.render import platforms
from faas_cli.images.model import BuildJob, BuildReporter
from faas_cli.interrupt import run_child, scratch_folder
from faas_runtime.core.engine_address import EngineAddress

INSTANCE = "faas"
"""Name of our BuildKit instance in `docker buildx ls`; the engine's own cannot build for several platforms."""


class BuildxPublisher:
    """Builds and pushes in one step; the image is never in the engine."""

    name = "buildx"

    def __init__(self, engine: EngineAddress, command: BuildKitCommand) -> None:
        if not command.plugin:
            raise FaasError(
                "publishing with BuildKit needs Docker's plugin `buildx`, which is not installed",
                hint="install it (Debian: `apt-get install docker-buildx`)",
            )
        self._executable = command.executable
        self._environment: Mapping[str, str] = {**os.environ, **engine.environment(), "BUILDKIT_PROGRESS": "plain"}

    def publish(self, job: BuildJob, extra_tags: Sequence[str], report: BuildReporter) -> str:
        """Build a job for its platforms and push it; returns the digest. Raises BuildError."""
        complete(job, report, buildkit=True)
        command = self._command()
        self._build_each(command, job, report)
        progress = PlainProgress(job, report, parse(dockerfile_text(job)))
        with scratch_folder() as folder:
            metadata = folder / "metadata.json"
            arguments = [*command, "--push", "--metadata-file", str(metadata), *_build_options(job, extra_tags)]
            code = run_command(arguments, self._environment, job.context, progress, set())
            if code != 0:
                raise progress.failure(code)
            return _digest(job, metadata)

    def _build_each(self, command: list[str], job: BuildJob, report: BuildReporter) -> None:
        """Build for one platform after the other, into BuildKit's cache. Raises BuildError.

        BuildKit uses a base image of another platform and only warns, and for several platforms at once not even that.
        """
        for platform in platforms(job):
            progress = PlainProgress(job, report, parse(dockerfile_text(job)))
            flags = [*build_flags(job), "--output", "type=cacheonly", "--platform", platform]
            code = run_command([*command, *flags, "."], self._environment, job.context, progress, set())
            if code != 0:
                raise progress.failure(code)
            progress.check_platform()

    def _command(self) -> list[str]:
        command = [self._executable, "buildx", "build"]
        # The instance that the user has chosen takes precedence.
        return command if os.environ.get("BUILDX_BUILDER") else [*command, "--builder", self._instance()]

    def _instance(self) -> str:
        if self._ask("inspect", INSTANCE).returncode == 0:
            return INSTANCE
        # With the host's network it reaches every registry that the host reaches, also on loopback.
        driver = ["--driver", "docker-container", "--driver-opt", "network=host"]
        created = self._ask("create", "--name", INSTANCE, *driver)
        if created.returncode != 0:
            reason = (created.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise FaasError(f"`docker buildx create` failed to create a BuildKit instance: {reason}")
        return INSTANCE

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [self._executable, "buildx", *words]
        return run_child(command, env=self._environment)


def _build_options(job: BuildJob, extra_tags: Sequence[str]) -> list[str]:
    repository = job.image.rpartition(":")[0]
    tags = [job.image, *(f"{repository}:{tag}" for tag in extra_tags)]
    tagged = [word for tag in tags for word in ("--tag", tag)]
    # What was just built for each platform is not built again.
    flags = [flag for flag in build_flags(job) if flag != "--no-cache"]
    return [*flags, "--platform", ",".join(platforms(job)), *tagged, "."]


def _digest(job: BuildJob, metadata: Path) -> str:
    try:
        return str(json.loads(metadata.read_bytes())["containerimage.digest"])
    except (OSError, ValueError, LookupError):
        raise BuildError(f"`{job.function.name}` was pushed, but `buildx` did not report its digest") from None
