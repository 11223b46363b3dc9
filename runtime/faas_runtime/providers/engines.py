"""The providers by name. Each is imported when it is made, and only then."""

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


def remote_provider(url: str, user: str, password: str, logs_url: str = "") -> Provider:
    """The provider at a URL; `logs_url` is where its logs are, if elsewhere. Raises Invalid."""
    from faas_runtime.providers.remote import RemoteProvider

    return RemoteProvider(url, user, password, logs_url)


ENGINES: dict[str, Callable[[Path], Provider]] = {"docker": _docker, "process": _process, "swarm": _swarm}
"""Makes an engine that keeps its state in a folder."""
