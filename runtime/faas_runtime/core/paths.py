"""Where the runtime keeps its state on this machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


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
    """What tells the containers of this state directory's gateway from those of others; the same at every start."""
    return hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:12]
