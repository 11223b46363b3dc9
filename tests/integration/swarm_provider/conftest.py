"""A Swarm of its own with an image made for these tests: our watchdog, and a static Go program behind it."""

import asyncio
import contextlib
import os
import subprocess
import time
import urllib.request

import pytest

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.core.paths import watchdog_binary
from faas_runtime.providers.base import FunctionKey, RouteRemoved
from faas_runtime.providers.swarm import SwarmProvider
from tests.gateways import build_watchdog
from tests.integration.docker_provider.conftest import PROGRAM, build
from tests.swarm import Cluster, lacking

IMAGE = "faas-test-swarm:1"
KEY = FunctionKey("fn", "openfaas-fn")


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


class World:
    """A provider, its routes, and the Swarm from outside."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        self.client = cluster.manager.client
        self.routes = {}

    async def open(self):
        self.provider = SwarmProvider(self.folder)
        await self.provider.start()
        self._watching = asyncio.create_task(self._watch())
        return self.provider

    async def _watch(self):
        async for change in self.provider.watch():
            if isinstance(change, RouteRemoved):
                self.routes.pop(change.key, None)
            else:
                self.routes[change.key] = change

    async def close(self):
        self._watching.cancel()
        await self.provider.close()

    def deployment(self, **changes):
        values = {"service": "fn", "image": IMAGE, "namespace": "openfaas-fn", "env_vars": {"GREETING": "hi"}}
        return FunctionDeployment(**{**values, **changes})

    def endpoints(self):
        route = self.routes.get(KEY)
        return route.endpoints if route is not None else ()

    def call(self, body=b"x", endpoint=None, limit=30):
        endpoint = endpoint or self.endpoints()[0]
        url = f"http://{endpoint.host}:{endpoint.port}/"
        with urllib.request.urlopen(url, data=body, timeout=limit) as answer:
            return answer.read()

    async def until(self, check, limit=30):
        deadline = time.monotonic() + limit
        while not check():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    def run(self, scenario):
        """Run a scenario with an open provider."""

        async def whole():
            await self.open()
            try:
                await scenario(self.provider)
            finally:
                await self.close()

        asyncio.run(whole())

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
