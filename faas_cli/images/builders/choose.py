"""Choosing the builder: the requested one, or the one that works on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from faas_cli.errors import BuildError, FaasError, UsageError
from faas_cli.gateway.credentials import gateway_of
from faas_cli.images.builders.engine import find_engine, ping, require_engine
from faas_cli.images.builders.oci import OciBuilder, engine_reason
from faas_cli.images.dockerfile.parse import parse
from faas_cli.images.dockerfile.render import uses_buildkit
from faas_cli.images.model import Builder, BuildJob, BuildOptions, BuildOutcome, BuildReporter
from faas_cli.images.tree import DOCKERFILE_NAME
from faas_runtime.core.engine_address import EngineAddress
from faas_runtime.core.paths import default_state_dir, images_dir
from faas_runtime.images.store import ImageStore

if TYPE_CHECKING:
    from faas_cli.console import Console
    from faas_cli.stack.model import Function, Stack
    from faas_cli.templates.model import Template

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_BUILDKIT_FLAGS = {
    "RUN": ("mount", "network", "security"),
    "COPY": ("chmod", "link", "parents", "exclude"),
    "ADD": ("chmod", "link", "checksum", "keep-git-dir", "exclude"),
}


def choose_builder(
    options: BuildOptions, stack: Stack, console: Console, gateway: str | None = None, *, deployed: bool = True
) -> Builder:
    """The builder for these options; a line on stderr names it with the reason.

    `gateway` is the address given on the command line, if any; it overrides the stack file. Unless the functions are
    `deployed` there, an image may be one that it cannot run.

    Raises UsageError for conflicting flags, FaasError when the requested builder is not available.
    """
    check_flags(options)
    if options.shrinkwrap:
        return _oci()
    if options.remote_builder:
        from faas_cli.images.builders.remote import RemoteBuilder

        console.info(f"builder: remote (requested; it is at {options.remote_builder})")
        return RemoteBuilder(options)
    if options.builder == "oci":
        console.info("builder: oci (requested)")
        return _oci()
    if options.builder == "auto":
        return _automatic(options, stack, console, gateway, deployed=deployed)
    engine = require_engine(options.builder)
    console.info(f"builder: {options.builder} (requested; the engine is at {engine})")
    return _buildx(engine) if options.builder == "buildx" else EngineBuilder(engine)


def check_flags(options: BuildOptions) -> None:
    """Raise UsageError for flags that the requested builder does not support."""
    if options.builder in ("oci", "buildx") and options.squash:
        reason = "makes few layers anyway" if options.builder == "oci" else "does not support it"
        raise UsageError(f"`--squash` is for `--builder docker`; `{options.builder}` {reason}")
    if options.builder == "oci" and options.pull:
        raise UsageError("`--pull` is for an engine; `oci` reads the base image from its registry at every push")
    if options.shrinkwrap and options.why:
        raise UsageError("`--why` explains a build, and `--shrinkwrap` does not build")


def _automatic(options: BuildOptions, stack: Stack, console: Console, typed: str | None, *, deployed: bool) -> Builder:
    engine, missing = _answering_engine()
    gateway = process_gateway(stack, default_state_dir(), typed)
    if engine is not None and not gateway:
        console.info(f"builder: docker (an engine answers at {engine.url}, {engine.source})")
        return EngineBuilder(engine)
    reason = f"the gateway at {gateway} runs images of this machine's local store" if gateway else missing
    console.info(f"builder: oci ({reason})")
    if idle := [flag for flag, on in (("`--pull`", options.pull), ("`--squash`", options.squash)) if on]:
        console.warning(f"{' and '.join(idle)} has no effect here; it is for `--builder docker`")
    return CompositeBuilder(_oci(), EngineBuilder(engine) if engine else None, gateway if deployed else "")


def _answering_engine() -> tuple[EngineAddress | None, str]:
    """The engine if it answers, else None and the reason."""
    try:
        engine = find_engine()
    except FaasError as err:
        return None, err.message
    reason = ping(engine)
    return (None, f"no container engine answers at {engine.url}: {reason}") if reason else (engine, "")


def process_gateway(stack: Stack, state: Path, typed: str | None = None) -> str:
    """This machine's gateway's address if the stack deploys to it and it runs functions as processes, else empty."""
    try:
        record = json.loads((state / "gateway.json").read_bytes())
        url, engine = str(record["url"]), record["engine"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    if engine != "process":
        return ""
    return url if _same_address(url, gateway_of(typed, stack.provider.gateway)) else ""


def _same_address(one: str, other: str) -> bool:
    try:
        places = [(urlsplit(url).hostname, urlsplit(url).port or 80) for url in (one, other)]
    except ValueError:
        return False
    names = {name for name, _ in places}
    return places[0][1] == places[1][1] and (len(names) == 1 or names <= _LOOPBACK)


def _oci() -> OciBuilder:
    state = default_state_dir()
    return OciBuilder(ImageStore(images_dir(state)), state / "build")


def _buildx(engine: EngineAddress) -> Builder:
    from faas_cli.images.builders.buildx import BuildxBuilder, find_command

    return BuildxBuilder(engine, find_command(default_state_dir() / "build" / "docker-command.json"))


class EngineBuilder(Builder):
    """Builds with an engine: with the classic builder, or with BuildKit where a job needs it."""

    name = "docker"

    def __init__(self, engine: EngineAddress) -> None:
        from faas_cli.images.builders.docker import DockerBuilder

        self._engine = engine
        self._classic = DockerBuilder(engine)
        self._lock = threading.Lock()
        self._buildkit: Builder | None = None

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError, or FaasError when BuildKit is needed and not available."""
        reason = buildkit_reason(job)
        if not reason:
            return self._classic.build(job, report)
        with self._lock:
            self._buildkit = self._buildkit or _buildx(self._engine)
        report.note(job.function.name, f"built with BuildKit: {reason}")
        return self._buildkit.build(job, report)

    def stop(self) -> None:
        """End all running builds."""
        for builder in (self._classic, self._buildkit):
            if builder is not None:
                builder.stop()


def buildkit_reason(job: BuildJob) -> str:
    """The reason why only BuildKit can build a job; empty when the classic builder can, too."""
    if uses_buildkit(job):
        return "it has build secrets, needs ssh, or is for another platform"
    try:
        dockerfile = parse((job.context / DOCKERFILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # The builder reports the error.
        return ""
    if "syntax" in dockerfile.directives:
        return "its Dockerfile has a `# syntax=` line"
    for instruction in dockerfile.instructions:
        if instruction.heredocs:
            return "its Dockerfile has here-documents"
        for flag, _ in instruction.flags:
            if flag in _BUILDKIT_FLAGS.get(instruction.keyword, ()):
                return f"its Dockerfile uses `{instruction.keyword} --{flag}`"
    return ""


class CompositeBuilder:
    """Builds without an engine where possible, with one (if there is one) otherwise.

    `gateway` is the address of the gateway that the functions are for if it runs only what is built without an engine.
    """

    name = "oci"

    def __init__(self, without: Builder, engine: Builder | None, gateway: str = "") -> None:
        self._without, self._engine, self._gateway = without, engine, gateway

    def check(self, function: Function, template: Template | None, arguments: Mapping[str, str]) -> None:
        """Raise BuildError for a function that the gateway could not run, or that needs an engine."""
        reason = engine_reason(template, arguments)
        if reason and self._gateway:
            raise BuildError(
                f"`{function.name}` {reason}: its image runs in a container only, and the gateway at {self._gateway} "
                "runs functions as processes",
                hint="deploy it to a gateway with Docker: `faas gateway start --engine docker`; "
                "`--builder docker` builds it for another gateway",
            )
        if not reason or self._engine is None:
            self._without.check(function, template, arguments)

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError."""
        if self._engine is None or not engine_reason(job.template, job.build_args):
            return self._without.build(job, report)
        report.note(job.function.name, "built with docker: its Dockerfile or packages need a container engine")
        return self._engine.build(job, report)

    def stop(self) -> None:
        """End all running builds."""
        for builder in (self._without, self._engine):
            if builder is not None:
                builder.stop()
