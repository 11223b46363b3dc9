"""Functions as containers of one Docker Engine (or of Podman, which speaks the same API)."""

from faas_runtime.providers.docker.provider import DockerProvider

__all__ = ["DockerProvider"]
