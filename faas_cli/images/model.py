"""Input and result of a build, and the protocols of builders and reporters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from faas_cli.images.tree import digests_below

if TYPE_CHECKING:
    from faas_cli.errors import FaasError
    from faas_cli.stack.model import Function
    from faas_cli.templates.model import Template


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The flags of `faas build`."""

    builder: str = "auto"
    """`auto`, `docker`, `buildx` or `oci`."""
    tag: str = "latest"
    """How the image's tag is made: `latest`, `sha`, `branch`, `describe` or `digest`."""
    no_cache: bool = False
    pull: bool = False
    squash: bool = False
    parallel: int = 1
    shrinkwrap: bool = False
    """Write the build context only."""
    quiet: bool = False
    build_args: Mapping[str, str] = field(default_factory=dict)
    build_options: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    copy_extra: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    test: bool = True
    """Run the function's own tests."""
    inject: bool = True
    """Inject the watchdog into a user's own Dockerfile."""
    why: bool = False
    """Report the inputs that changed since the last build."""
    remote_builder: str = ""
    """URL of a remote builder; overrides `builder`."""
    payload_secret: str = ""
    """File with the secret that signs requests to the remote builder."""
    builder_public_key: str = ""
    """Public key for sealing build secrets: a file or the key itself; empty to fetch it from the builder."""


@dataclass(frozen=True)
class BuildJob:
    """One function, ready to build: with its assembled context and its image's name."""

    function: Function
    template: Template | None
    """None for `lang: dockerfile`."""
    context: Path
    """The folder `build/NAME`."""
    image: str
    """The full reference with its tag."""
    options: BuildOptions
    build_args: Mapping[str, str]
    """Arguments of stack file and command line, including `ADDITIONAL_PACKAGE`."""
    remarks: tuple[str, ...] = ()
    """What was found when the context was assembled, for the user."""

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """The digests of the context's files, as they are when this is first read; see `digests_below`."""
        return digests_below(self.context)


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """A builder's result."""

    digest: str = ""
    """`sha256:...` of the image manifest (oci) or the engine's image id (docker)."""
    cached: bool = False
    """True if no input had changed and no step ran."""


@dataclass(frozen=True, slots=True)
class BuildResult:
    """The result of one function's build; `error` is None on success."""

    function: str
    image: str
    seconds: float
    outcome: BuildOutcome | None = None
    skipped: bool = False
    error: FaasError | None = None


class BuildReporter:
    """Receives a build's progress, from several threads at once; this one ignores it."""

    def started(self, worker: int, function: str) -> None:
        """A worker began to build a function."""

    def step(self, function: str, text: str) -> None:
        """A named step of a function's build began."""

    def transfer(self, function: str, text: str, done: int, total: int) -> None:
        """A step named `text` has moved `done` of `total` bytes."""

    def line(self, function: str, text: str) -> None:
        """A tool printed a line; `text` has no line feed."""

    def note(self, function: str, text: str) -> None:
        """A remark for the user, for example that the watchdog was injected."""

    def finished(self, worker: int, result: BuildResult) -> None:
        """A worker finished a function."""

    def ended(self, worker: int) -> None:
        """A worker has no more functions to build."""


class Builder(Protocol):
    """Turns a context into an image. One instance serves several threads."""

    name: str

    def check(self, function: Function, template: Template | None, arguments: Mapping[str, str]) -> object:
        """Raise BuildError for a function that it cannot build for its gateway, before anything is built.

        `template` is None for `lang: dockerfile`; `arguments` are the build arguments. An engine builds every function.
        """
        return None

    def build(self, job: BuildJob, report: BuildReporter) -> BuildOutcome:
        """Build one image. Raises BuildError; `detail` holds the failing tool's output."""

    def stop(self) -> None:
        """End all running builds with a BuildError, at once. Can be called from any thread."""
