"""The engines that can run functions here, by the name a user gives them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faas_runtime.providers.base import Provider


def _process(state_dir: Path) -> Provider:
    from faas_runtime.providers.process import ProcessProvider

    return ProcessProvider(state_dir)


def _docker(state_dir: Path) -> Provider:
    from faas_runtime.providers.docker import DockerProvider

    return DockerProvider(state_dir)


def _swarm(state_dir: Path) -> Provider:
    from faas_runtime.providers.swarm import SwarmProvider

    return SwarmProvider(state_dir)


ENGINES: dict[str, Callable[[Path], Provider]] = {"docker": _docker, "process": _process, "swarm": _swarm}
"""Makes an engine that keeps its state in a folder. Imports happen when one is made, and only for that one."""
