"""The fixtures of the Docker engine's tests, on Podman."""

import shutil
import tempfile
from pathlib import Path

import docker
import pytest

from tests.integration.docker_provider.conftest import World, image
from tests.podman import service

__all__ = ["image"]


@pytest.fixture(scope="session")
def podman(missing):
    """The address of a Podman."""
    # Podman takes no path of more than 50 characters for what runs.
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))
    with service(folder, missing) as address:
        yield address
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def client(podman):
    """A client of it."""
    found = docker.DockerClient(base_url=podman, timeout=60)
    yield found
    found.close()


@pytest.fixture
def world(client, image, podman, tmp_path, monkeypatch):
    """A provider that finds it by Podman's own variable."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("CONTAINER_HOST", podman)
    made = World(client, image, tmp_path / "state")
    yield made
    made.clean()
