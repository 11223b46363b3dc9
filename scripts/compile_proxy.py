"""Compile the modules that every call runs through; their sources stay beside the results.

    python scripts/compile_proxy.py FOLDER

copies the runtime to FOLDER/faas_runtime and compiles it there with mypyc, which makes C extensions of typed
Python. A wheel contains the results if it is built where there is a C compiler; an editable install runs
the sources.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

REQUIREMENTS = ("mypy[mypyc]>=1.13", "msgspec>=0.18")
"""Packages it needs: the compiler, and the library of the runtime's types."""

STAMP = ".made"
"""File in the folder, as old as the compiled modules."""

ROOT = Path(__file__).resolve().parents[1]

PROXY = "faas_runtime/gateway/proxy"
# What a plain call runs through. The rest of the proxy is for rare cases, or runs once.
MODULES = (
    *(f"{PROXY}/{name}.py" for name in ("call", "connection", "context", "cycle", "deadlines", "fields", "framing")),
    *(f"{PROXY}/{name}.py" for name in ("interfaces", "pool", "recorder", "replica_finder", "request_head")),
    *(f"{PROXY}/{name}.py" for name in ("request_writer", "response_head", "response_writer", "router", "target")),
    f"{PROXY}/upstream.py",
    "faas_runtime/gateway/metrics/invocations.py",
)


def compile_proxy(folder: Path) -> None:
    """Copy the runtime into a folder and compile the modules there. Raises SystemExit when one cannot be compiled."""
    from mypyc.build import mypycify
    from setuptools import setup

    target = folder / "faas_runtime"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "runtime" / "faas_runtime", target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    os.chdir(folder)
    os.environ["MYPYPATH"] = str(folder)
    options = ["--config-file=", "--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}"]
    options += ["--ignore-missing-imports", "--explicit-package-bases", "--no-incremental", "--cache-dir", os.devnull]
    extensions = mypycify(
        [*options, *MODULES],
        opt_level="2",
        debug_level="0",
        # One library for all of them, which lies in the package, too.
        group_name=f"{PROXY.replace('/', '.')}.compiled",
        target_dir="build",
    )
    setup(name="faas-proxy", ext_modules=extensions, script_args=["--quiet", "build_ext", "--inplace"])
    shutil.rmtree(folder / "build", ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/compile_proxy.py FOLDER")
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if others := {path.name for path in folder.iterdir()} - {"faas_runtime", STAMP}:
        sys.exit(f"{folder} has other files ({min(others)}): choose an empty folder, whose content will be replaced")
    compile_proxy(folder)
    (folder / STAMP).touch()
