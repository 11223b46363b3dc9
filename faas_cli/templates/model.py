"""A template: a folder with `template.yml`, a sample handler and the files around it.

`template.yml` holds OpenFaaS's keys; ours are under `faas` and say once how the function is
built, for the generated Dockerfile and for the builder that needs no engine alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class BuildOption(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of native packages."""

    name: str
    packages: list[str] = []


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command run by `sh` in the build context.

    `inputs` are the files it depends on (its result is kept while they are the same),
    `outputs` the folders it makes, `env` its environment beside the toolchain's own.
    """

    run: str
    inputs: list[str] = []
    outputs: list[str] = []
    env: dict[str, str] = {}


class Images(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base images: where the function is built and where it runs (`scratch` for none)."""

    build: str = "scratch"
    runtime: str = "scratch"


class Runtime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes into the image: paths of the context (patterns of `exclude` left out), environment, labels."""

    include: list[str] = []
    exclude: list[str] = []
    env: dict[str, str] = {}
    labels: dict[str, str] = {}


class Debug(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a function is run under a debugger, on this machine only.

    `run` replaces fprocess; `tools` is the command that fetches the debugger into the folder `{tools}`;
    `build` makes what a debugger can read, in a copy of the context where `run` then runs; `launch` is the
    editor's entry. `{port}` is where the debugger listens, `{handler}` the handler's folder in the editor,
    `{source}` the same folder where it runs.
    """

    run: str
    tools: str = ""
    build: Step | None = None
    env: dict[str, str] = {}
    launch: dict[str, Any] = {}


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a function of this template is built, step by step."""

    toolchain: str
    images: Images = Images()
    dependencies: Step | None = None
    test: Step | None = None
    build: Step | None = None
    runtime: Runtime = Runtime()
    debug: Debug | None = None


class Template(msgspec.Struct, kw_only=True):
    """What `template.yml` says, and where it was found."""

    name: str = ""
    folder: Path = Path()
    language: str = ""
    fprocess: str = ""
    welcome_message: str = ""
    handler_folder: str = "function"
    build_options: list[BuildOption] = []
    mount_ssh: bool = False
    recipe: Recipe | None = msgspec.field(default=None, name="faas")
    """None for a template made for OpenFaaS alone: it has a Dockerfile of its own instead."""
