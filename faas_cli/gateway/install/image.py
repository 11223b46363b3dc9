"""The gateway's image, built from the installed package; only its base image and libraries are downloaded."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError
from faas_runtime import __version__
from faas_runtime.core.distribution import DISTRIBUTION

IMAGE = f"faas-gateway:{__version__}"
LIBRARIES = (
    *("bcrypt", "cronsim", "docker", "httptools", "msgspec", "nats-py", "prometheus-client", "starlette", "tzdata"),
    *("uvicorn", "uvloop"),
)
"""The package's requirements that the gateway in a container needs."""
BASE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_PIP_TIMEOUT = 600


def build_image(client: Any, say: Callable[[str], None]) -> str:
    """Build the image on this engine and return its name. Raises FaasError."""
    from docker.errors import APIError, BuildError, ImageNotFound

    with tempfile.TemporaryDirectory(prefix="faas-gateway-") as name:
        folder = Path(name)
        write_context(folder, str(client.version().get("Arch") or "amd64"))
        try:
            client.images.get(BASE)
        except ImageNotFound:
            say(f"Pulling {BASE}")
            pull(client, BASE)
        say(f"Building {IMAGE}")
        try:
            client.images.build(path=name, tag=IMAGE, buildargs={"BASE": BASE}, rm=True, forcerm=True)
        except (BuildError, APIError) as err:
            raise FaasError(f"the gateway's image cannot be built: {first_line(err)}") from None
    return IMAGE


def write_context(folder: Path, machine: str) -> None:
    """Write the image's build context for an architecture (`amd64`, `arm64`). Raises FaasError."""
    import faas_runtime

    source = resources.files("faas_cli.gateway.install") / "files" / "Dockerfile"
    (folder / "Dockerfile").write_bytes(source.read_bytes())
    (folder / "state").mkdir()
    site = folder / "site"
    _install_libraries(site, machine)
    # Only builds need the watchdogs, not the gateway.
    leave_out = shutil.ignore_patterns("__pycache__", "bin")
    shutil.copytree(Path(faas_runtime.__file__).parent, site / "faas_runtime", ignore=leave_out)


def pull(client: Any, image: str) -> None:
    """Have the engine pull an image unless it has it. Raises FaasError."""
    from docker.errors import APIError, ImageNotFound

    try:
        client.images.get(image)
    except ImageNotFound:
        try:
            client.images.pull(image)
        except (APIError, ImageNotFound) as err:
            raise FaasError(f"image `{image}` cannot be pulled: {first_line(err)}") from None


def requirements() -> list[str]:
    """The libraries in the installed versions, else with the package's version ranges."""
    return [_requirement(name) for name in LIBRARIES]


def first_line(err: BaseException) -> str:
    """The first line of an engine's error."""
    text = str(getattr(err, "explanation", "") or err).strip()
    return text.splitlines()[0] if text else type(err).__name__


def _requirement(name: str) -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return f"{name}=={metadata.version(name)}"
    asked: list[str] = []
    # Sources that run without having been installed have no list of requirements.
    with contextlib.suppress(metadata.PackageNotFoundError):
        asked = metadata.requires(DISTRIBUTION) or []
    matches = (re.match(rf"{name}[^;]*", each) for each in asked)
    return next((found[0].strip() for found in matches if found), name)


def _install_libraries(site: Path, machine: str) -> None:
    processor = _MACHINES.get(machine, machine)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site), "--only-binary=:all:"]
    for kind in ("manylinux2014", "manylinux_2_17", "manylinux_2_28"):
        command += ["--platform", f"{kind}_{processor}"]
    command += ["--python-version", f"{sys.version_info.major}.{sys.version_info.minor}", *requirements()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise FaasError(f"the gateway's libraries cannot be downloaded: {err}") from None
    if done.returncode:
        raise FaasError(
            "pip cannot download the gateway's libraries",
            hint="try `python -m ensurepip`; without access to PyPI set `PIP_INDEX_URL`",
            detail=done.stderr.strip(),
        )
