"""A template: a folder with `template.yml`, a sample handler and the files around it."""

from __future__ import annotations

from pathlib import Path

import msgspec


class BuildOption(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of native packages."""

    name: str
    packages: list[str] = []


class Template(msgspec.Struct, kw_only=True):
    """What `template.yml` says, and where it was found. OpenFaaS's keys; ours are under `faas`."""

    name: str = ""
    folder: Path = Path()
    language: str = ""
    fprocess: str = ""
    welcome_message: str = ""
    handler_folder: str = "function"
    build_options: list[BuildOption] = []
    mount_ssh: bool = False
