"""What a build is asked for and what it answers: the values every builder shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from faas_cli.errors import FaasError
    from faas_cli.stack.model import Function
    from faas_cli.templates.model import Template


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The flags of `faas build`, in plain values."""

    builder: str = "auto"
    """`auto`, `docker`, `buildx` or `oci`."""
    tag: str = "latest"
    """`latest`, `sha`, `branch`, `describe` or `digest`: how the image's tag is made."""
    no_cache: bool = False
    pull: bool = False
    squash: bool = False
    parallel: int = 1
    shrinkwrap: bool = False
    """Write the context and stop."""
    quiet: bool = False
    build_args: Mapping[str, str] = field(default_factory=dict)
    build_options: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    copy_extra: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    inject: bool = True
    """Inject the watchdog into a user's own Dockerfile."""
    why: bool = False
    """Say what has changed since the last build."""
    remote_builder: str = ""
    """Address of a builder elsewhere; it decides in place of `builder`."""
    payload_secret: str = ""
    """File with the secret that requests to it are signed with."""
    builder_public_key: str = ""
    """Key that build secrets are sealed for: the file or the key itself; by default it is asked for."""


@dataclass(frozen=True, slots=True)
class BuildJob:
    """One function, ready to build: its context is assembled and its image named."""

    function: Function
    template: Template | None
    """None for `lang: dockerfile`."""
    context: Path
    """The folder `build/NAME`."""
    image: str
    """The full reference, tag included."""
    options: BuildOptions
    build_args: Mapping[str, str]
    """Arguments of the stack file and the command line together, `ADDITIONAL_PACKAGE` included."""


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """What a builder made."""

    digest: str = ""
    """`sha256:...` of the image manifest (oci) or the engine's image id (docker)."""
    cached: bool = False
    """True when nothing had changed and no step ran."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How one function's build ended: `error` is None when it succeeded."""

    function: str
    image: str
    seconds: float
    outcome: BuildOutcome | None = None
    skipped: bool = False
    error: FaasError | None = None


class BuildReporter(Protocol):
    """Told what happens, from several threads at once; it decides what a person sees."""

    def started(self, worker: int, function: str) -> None:
        """A worker took up a function."""

    def step(self, function: str, text: str) -> None:
        """A named step of a function's build began."""

    def line(self, function: str, text: str) -> None:
        """A tool printed a line (no line feed)."""

    def note(self, function: str, text: str) -> None:
        """Something the user should know about this build (what was injected, what was chosen)."""

    def finished(self, worker: int, result: BuildResult) -> None:
        """A worker is done with a function."""


@runtime_checkable
class Stoppable(Protocol):
    """A builder whose builds would go on by themselves when the user gives up."""

    def stop(self) -> None:
        """Let every build that runs end with a BuildError, at once and from any thread."""


class Builder(Protocol):
    """Turns a context into an image. One instance serves several threads."""

    name: str

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError with the failing tool's own output as `detail`."""
