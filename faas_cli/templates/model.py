"""A template: a folder with `template.yml`, a sample handler and the files around it.

`template.yml` has OpenFaaS's keys; ours are under `faas` and describe the build once, both for
the generated Dockerfile and for the builder without an engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class BuildOption(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of system packages."""

    name: str
    packages: list[str] = []


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command run by `sh` in the build context.

    `inputs` are the files or patterns it depends on (its result is cached while they are unchanged),
    `outputs` the folders it creates, `env` variables added to the toolchain's environment.
    """

    run: str
    inputs: list[str] = []
    outputs: list[str] = []
    env: dict[str, str] = {}


class Images(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base images for building and for running the function (`scratch` for none)."""

    build: str = "scratch"
    runtime: str = "scratch"


class Runtime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of the image: paths of the context except those matching `exclude`, environment, labels.

    A pattern of `exclude` without a `/` applies to the function's own files, not to its dependencies.
    """

    include: list[str] = []
    exclude: list[str] = []
    env: dict[str, str] = {}
    labels: dict[str, str] = {}


class Debug(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to run a function under a debugger, on this machine only.

    `run` replaces fprocess; `tools` is the command that installs the debugger into the folder `{tools}`;
    `build` makes a debug build in a copy of the context, where `run` then runs; `launch` is the editor's
    configuration. `{port}` is the debugger's port, `{handler}` the handler's folder in the editor,
    `{source}` the same folder at run time.
    """

    run: str
    tools: str = ""
    build: Step | None = None
    env: dict[str, str] = {}
    launch: dict[str, Any] = {}


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The build of a template's functions, step by step."""

    toolchain: str
    images: Images = Images()
    dependencies: Step | None = None
    check: Step | None = None
    """Whether the handler can be called; it also makes what tests need, and always runs."""
    test: Step | None = None
    build: Step | None = None
    runtime: Runtime = Runtime()
    debug: Debug | None = None


class Template(msgspec.Struct, kw_only=True):
    """The content of a `template.yml`, and its folder."""

    name: str = ""
    folder: Path = Path()
    language: str = ""
    fprocess: str = ""
    welcome_message: str = ""
    handler_folder: str = "function"
    build_options: list[BuildOption] = []
    mount_ssh: bool = False
    recipe: Recipe | None = msgspec.field(default=None, name="faas")
    """None for a plain OpenFaaS template, which has its own Dockerfile."""
