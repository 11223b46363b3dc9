"""Where the compiled watchdogs are, and which one an image needs."""

from __future__ import annotations

import platform
from pathlib import Path

BIN_DIR = Path(__file__).resolve().parent / "bin"

# Names of machines as Python and the kernel give them, in the words of OCI and Go.
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_architecture() -> str:
    """This machine's architecture in OCI's words: `amd64`, `arm64`, ..."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def watchdog_binary(system: str = "linux", architecture: str | None = None) -> Path:
    """Path of the `fwatchdog` built for a platform (this machine's architecture unless named).

    Raises FileNotFoundError, naming the platform, when the package carries no such binary.
    """
    architecture = architecture or host_architecture()
    path = BIN_DIR / f"fwatchdog-{system}-{architecture}"
    if not path.exists():
        raise FileNotFoundError(f"this package carries no watchdog for {system}/{architecture}")
    return path
