"""A Swarm of its own with an image made for these tests: our watchdog, and a static Go program behind it."""

import contextlib
import os
import subprocess

import pytest

from faas_runtime.core.paths import watchdog_binary
from faas_runtime.providers.swarm import SwarmProvider
from tests.gateways import build_watchdog
from tests.integration.docker_provider.conftest import PROGRAM, build
from tests.provider_world import ProviderWorld
from tests.swarm import Cluster, lacking

IMAGE = "faas-test-swarm:1"


@pytest.fixture(scope="session")
def program(tmp_path_factory, tool):
    """The files of the image."""
    build_watchdog()
    folder = tmp_path_factory.mktemp("program")
    (folder / "main.go").write_text(PROGRAM)
    (folder / "go.mod").write_text("module program\n\ngo 1.21\n")
    subprocess.run(
        [tool("go"), "build", "-o", "program", "."], cwd=folder, env={**os.environ, "CGO_ENABLED": "0"}, check=True
    )
    return {"program": (folder / "program").read_bytes(), "fwatchdog": watchdog_binary().read_bytes(), "empty": b""}


def add_images(machine, program):
    """The image, and one whose process ends at once."""
    text = (
        "FROM scratch\nCOPY program fwatchdog /\nCOPY empty /tmp/.keep\n"
        "ENV fprocess=/program combine_output=false\n"
        'HEALTHCHECK --interval=1s CMD ["/fwatchdog", "--run-healthcheck"]\nCMD ["/fwatchdog"]\n'
    )
    build(machine.client, IMAGE, program, text)
    dead = 'FROM scratch\nCOPY program /\nENV FAIL=1\nCMD ["/program"]\n'
    build(machine.client, IMAGE.replace(":1", ":dead"), {"program": program["program"]}, dead)


def form(size, missing, program):
    """A Swarm whose machines have the images."""
    if (lack := lacking()) is not None:
        missing(*lack.args)
    cluster = Cluster(size)
    try:
        for machine in cluster.machines:
            add_images(machine, program)
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def swarm(missing, program):
    """A Swarm of one machine."""
    yield from form(1, missing, program)


class World(ProviderWorld):
    """A provider on a Swarm."""

    image = IMAGE

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        super().__init__(cluster.manager.client, lambda: SwarmProvider(folder))

    def clean(self):
        for service in self.client.services.list():
            service.remove()
        for each in [*self.client.secrets.list(), *self.client.configs.list()]:
            with contextlib.suppress(Exception):
                each.remove()


@pytest.fixture
def world(swarm, tmp_path, monkeypatch):
    """A provider on the Swarm; everything it made is removed afterwards."""
    monkeypatch.setenv("DOCKER_HOST", swarm.manager.socket)
    made = World(swarm, tmp_path / "state")
    yield made
    made.clean()


@pytest.fixture
def large(missing, program, tmp_path, monkeypatch):
    """A provider on a Swarm of three machines of its own, since the test changes it."""
    for cluster in form(3, missing, program):
        monkeypatch.setenv("DOCKER_HOST", cluster.manager.socket)
        yield World(cluster, tmp_path / "state")
