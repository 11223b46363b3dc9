"""The stack file as values: what `stack.yaml` says, typed, with nothing resolved yet.

The keys are OpenFaaS's; `timeout`, `expose`, `concurrency`, `isolation`, `network` and `egress` are ours and are
ignored by other tools.
"""

from __future__ import annotations

from pathlib import Path

import msgspec


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """CPU and memory as Kubernetes quantities."""

    memory: str = ""
    cpu: str = ""


class Function(msgspec.Struct, kw_only=True):
    """One entry under `functions`; `name` is its key."""

    name: str = ""
    lang: str = ""
    handler: str = ""
    image: str = ""
    fprocess: str = ""
    environment: dict[str, str] = {}
    environment_file: list[str] = []
    secrets: list[str] = []
    skip_build: bool = False
    constraints: list[str] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    limits: Resources | None = None
    requests: Resources | None = None
    readonly_root_filesystem: bool = False
    namespace: str = ""
    build_options: list[str] = []
    build_args: dict[str, str] = {}
    build_secrets: dict[str, str] = {}
    platforms: str = ""
    timeout: str = ""
    expose: str = ""
    concurrency: int = 0
    isolation: str = ""
    network: str = ""
    egress: list[str] = []


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Where the functions go: `name` must be `openfaas` (or `faas`, as in 2018)."""

    name: str
    gateway: str = ""


class TemplateSource(msgspec.Struct, frozen=True, kw_only=True):
    """A template and the repository it comes from."""

    name: str
    source: str = ""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Settings for all functions of the file."""

    templates: list[TemplateSource] = []
    copy: list[str] = []


class Stack(msgspec.Struct, kw_only=True):
    """A whole stack file. Functions keep the file's order.

    `path` is the file it was read from, None for one that came from a URL or was made in memory.
    """

    version: str = ""
    provider: Provider
    functions: dict[str, Function] = {}
    configuration: Configuration = Configuration()
    path: Path | None = None
    overlays: list[Path] = []
    """Local files merged over the first, in their order."""

    @property
    def files(self) -> list[Path]:
        """Every local file the stack was read from."""
        return [*([self.path] if self.path is not None else []), *self.overlays]
