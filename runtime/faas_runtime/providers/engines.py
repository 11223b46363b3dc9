"""The providers by name. Each is imported when it is made, and only then."""

from __future__ import annotations

from collections.abc import Callable

from faas_runtime.core.settings import GatewaySettings
from faas_runtime.providers.base import Provider


def _process(settings: GatewaySettings) -> Provider:
    from faas_runtime.providers.process import ProcessProvider

    return ProcessProvider(settings)


def _docker(settings: GatewaySettings) -> Provider:
    from faas_runtime.providers.docker import DockerProvider

    return DockerProvider(settings.state_dir)


def _swarm(settings: GatewaySettings) -> Provider:
    from faas_runtime.providers.swarm import SwarmProvider

    return SwarmProvider(settings.state_dir)


def remote_provider(url: str, user: str, password: str, logs_url: str = "") -> Provider:
    """The provider at a URL; `logs_url` is where its logs are, if elsewhere. Raises Invalid."""
    from faas_runtime.providers.remote import RemoteProvider

    return RemoteProvider(url, user, password, logs_url)


ENGINES: dict[str, Callable[[GatewaySettings], Provider]] = {"docker": _docker, "process": _process, "swarm": _swarm}
"""Makes an engine that keeps its state in the folder of these settings."""
