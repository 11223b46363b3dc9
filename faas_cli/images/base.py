"""What a base image runs: its Python or Node version and C library, by its name or its configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faas_cli.errors import FaasError
from faas_cli.interrupt import scratch_folder
from faas_runtime.core.files import write_file
from faas_runtime.core.interpreters import machine_libc
from faas_runtime.core.paths import host_architecture

# Names of Debian's releases in tags, with their glibc and Python.
_DEBIAN = {
    "buster": ((2, 28), "3.7"),
    "bullseye": ((2, 31), "3.9"),
    "bookworm": ((2, 36), "3.11"),
    "trixie": ((2, 41), "3.13"),
}
_DEBIAN |= dict(zip(("debian10", "debian11", "debian12", "debian13"), _DEBIAN.values(), strict=True))
# A base whose release is not named has at least this one.
_LEAST_GLIBC = (2, 36)

_WHEEL_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}
_NPM_MACHINES = {"amd64": "x64", "386": "ia32"}
# Node's own ABI, for addons that do not use N-API.
_NODE_ABI = {"16": "93", "18": "108", "20": "115", "22": "127", "23": "131", "24": "137", "25": "141"}


@dataclass(frozen=True, slots=True)
class Base:
    """The facts of a base image; an empty field is not known."""

    image: str
    architecture: str
    python: str = ""
    """Python's version without its last part: `3.13`."""
    node: str = ""
    """Node's major version."""
    libc: str = "glibc"
    """`glibc` or `musl`; empty for an image without a base."""
    glibc: tuple[int, int] | None = None
    """Version of glibc, if the name tells the release."""

    @property
    def node_abi(self) -> str:
        """The version of Node's own ABI, as addons name it."""
        return _NODE_ABI.get(self.node, "")

    def is_this_machine(self) -> bool:
        """Whether libraries made for this machine's C library and processor fit."""
        return self.libc == machine_libc() and self.architecture == host_architecture()

    def pip_options(self) -> list[str]:
        """Options of `pip install` that fetch wheels for this base, whatever pip itself runs on."""
        machine = _WHEEL_MACHINES.get(self.architecture, self.architecture)
        abi = f"cp{self.python.replace('.', '')}"
        options = ["--python-version", self.python, "--implementation", "cp", "--abi", abi]
        for tag in self._platform_tags():
            options += ["--platform", f"{tag}_{machine}"]
        return [*options, "--only-binary", ":all:"]

    def npm_environment(self) -> dict[str, str]:
        """Variables with which `npm install` chooses packages for this base."""
        machine = _NPM_MACHINES.get(self.architecture, self.architecture)
        return {"npm_config_os": "linux", "npm_config_cpu": machine, "npm_config_libc": self.libc}

    def _platform_tags(self) -> list[str]:
        if self.libc == "musl":
            return ["musllinux_1_2", "musllinux_1_1"]
        newest = (self.glibc or _LEAST_GLIBC)[1]
        older = ["manylinux2014", "manylinux2010", "manylinux1", "linux"]
        return [*(f"manylinux_2_{minor}" for minor in range(newest, 4, -1)), *older]


def base_of_name(image: str, architecture: str) -> Base:
    """The facts that a name such as `python:3.13-slim` or `node:22-alpine` states."""
    path, _, tag = image.partition("@")[0].lower().rpartition("/")[2].partition(":")
    words = re.split(r"[-_.:]", f"{path}-{tag}")
    glibc, debian_python = next((_DEBIAN[word] for word in words if word in _DEBIAN), (None, ""))
    python = re.match(r"v?(3\.\d+)", tag) if "python" in path else None
    node = re.match(r"v?(\d+)", tag) if "node" in path else None
    inside = re.match(r"nodejs(\d+)", path)
    return Base(
        image,
        architecture,
        # Distroless images have Debian's Python.
        python=python[1] if python else debian_python if path.startswith("python3-debian") else "",
        node=inside[1] if inside else node[1] if node else "",
        libc="musl" if any(word.startswith("alpine") for word in words) else "" if image == "scratch" else "glibc",
        glibc=glibc,
    )


def base_of(
    image: str, architecture: str, toolchain: str, cache: Path, remark: Callable[[str], object] = lambda text: None
) -> Base:
    """The facts of a base image for functions of a toolchain (`python`, `node`).

    A name without a version is looked up in its registry; the answer is kept below `cache`. Without an answer the
    version stays unknown, and `remark` is called with the reason, once in a run.
    """
    base = base_of_name(image, architecture)
    if image == "scratch" or toolchain not in ("python", "node") or getattr(base, toolchain) or "node:" in image:
        return base
    record = cache / re.sub(r"[^\w.-]", "_", f"{image}-{architecture}.json")
    try:
        config = json.loads(record.read_bytes())
    except (OSError, ValueError):
        known = (image, architecture) in _unanswered
        config = None if known else _look_up(image, architecture, remark)
        if config is None:
            return base
        write_file(record, json.dumps(config), durable=False)
    return base_of_config(base, config)


_unanswered: set[tuple[str, str]] = set()
"""Images and architectures that were looked up in this run without an answer."""


def _look_up(image: str, architecture: str, remark: Callable[[str], object]) -> dict[str, Any] | None:
    """An image's configuration in its registry; None without an answer."""
    try:
        return _fetch_config(image, architecture)
    except (FaasError, OSError, ValueError, LookupError) as err:
        _unanswered.add((image, architecture))
        reason = err.message if isinstance(err, FaasError) else str(err)
        remark(f"the version of its base image `{image}` is not known: {reason}")
        return None


def base_of_config(base: Base, config: dict[str, Any]) -> Base:
    """The facts of an image's configuration, as official images state them, over those of its name."""
    pairs = dict(each.partition("=")[::2] for each in (config.get("config") or {}).get("Env") or [])
    made = " ".join(str(each.get("created_by", "")) for each in config.get("history") or []).lower()
    musl = base.libc == "musl" or "alpine-minirootfs" in made or "apk add" in made
    python = re.match(r"3\.\d+", pairs.get("PYTHON_VERSION", ""))
    node = re.match(r"\d+", pairs.get("NODE_VERSION", ""))
    return Base(
        base.image,
        base.architecture,
        python=python[0] if python else base.python,
        node=node[0] if node else base.node,
        libc="musl" if musl else "glibc",
        glibc=base.glibc,
    )


def _fetch_config(image: str, architecture: str) -> dict[str, Any]:
    from faas_cli.registry.client import Registry
    from faas_cli.registry.push import for_platform
    from faas_cli.registry.reference import parse_reference
    from faas_cli.registry.silence import SILENCE_SECONDS

    reference = parse_reference(image)
    registry = Registry(reference.registry, timeout=SILENCE_SECONDS)
    manifest, _ = for_platform(registry, reference, architecture)
    with scratch_folder() as folder:
        path = folder / "config"
        registry.fetch_blob(reference.repository, manifest["config"]["digest"], path)
        return dict(json.loads(path.read_bytes()))
