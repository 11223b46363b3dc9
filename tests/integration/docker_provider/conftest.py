"""A real engine with an image made for these tests: our watchdog, and a static Go program behind it."""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import uuid

import docker
import pytest

from faas_runtime.core.paths import watchdog_binary
from faas_runtime.providers.docker import DockerProvider
from faas_runtime.providers.docker.spec import INSTANCE_LABEL
from tests.gateways import build_watchdog
from tests.provider_world import ProviderWorld

PROGRAM = """package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if os.Getenv("FAIL") != "" {
		fmt.Fprintln(os.Stderr, "no reason to live")
		os.Exit(3)
	}
	if pause, err := time.ParseDuration(os.Getenv("PAUSE")); err == nil {
		time.Sleep(pause)
	}
	body, _ := io.ReadAll(os.Stdin)
	secret, _ := os.ReadFile("/var/openfaas/secrets/word")
	fmt.Fprintln(os.Stderr, "noted")
	fmt.Printf("%s|%s|%s", os.Getenv("GREETING"), body, secret)
}
"""


@pytest.fixture(scope="session")
def client(engine_client):
    """The engine's own client, to check results from outside."""
    return engine_client


def build(client, tag, files, dockerfile):
    """Build an image from a few files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in {**files, "Dockerfile": dockerfile.encode()}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    stream.seek(0)
    client.images.build(fileobj=stream, custom_context=True, tag=tag, rm=True)


@pytest.fixture(scope="session")
def image(client, tmp_path_factory, tool):
    """Name of the image; it is removed at the end."""
    build_watchdog()
    folder = tmp_path_factory.mktemp("program")
    (folder / "main.go").write_text(PROGRAM)
    (folder / "go.mod").write_text("module program\n\ngo 1.21\n")
    subprocess.run(
        [tool("go"), "build", "-o", "program", "."], cwd=folder, env={**os.environ, "CGO_ENABLED": "0"}, check=True
    )
    files = {"program": (folder / "program").read_bytes(), "fwatchdog": watchdog_binary().read_bytes(), "empty": b""}
    tag = f"faas-test-{uuid.uuid4().hex[:8]}:1"
    text = (
        "FROM scratch\nCOPY program fwatchdog /\nCOPY empty /tmp/.keep\n"
        'ENV fprocess=/program combine_output=false\nCMD ["/fwatchdog"]\n'
    )
    build(client, tag, files, text)
    build(
        client,
        tag.replace(":1", ":dead"),
        {"program": files["program"]},
        'FROM scratch\nCOPY program /\nENV FAIL=1\nCMD ["/program"]\n',
    )
    # Says that it is not healthy; never listens.
    ill = f'FROM {tag}\nHEALTHCHECK --interval=1s --retries=1 CMD ["/nothing"]\n'
    build(client, tag.replace(":1", ":ill"), {}, ill)
    build(client, tag.replace(":1", ":mute"), {}, f'FROM {tag}\nENV PAUSE=1h\nCMD ["/program"]\n')
    yield tag
    for each in (tag.replace(":1", f":{name}") for name in ("mute", "ill", "dead", "1")):
        with contextlib.suppress(docker.errors.DockerException):
            client.images.remove(each, force=True)


class World(ProviderWorld):
    """A provider of an instance and network of its own."""

    def __init__(self, client, image, folder):
        self.image, self.folder = image, folder
        self.instance = uuid.uuid4().hex[:8]
        self.network = f"faas-test-{self.instance}"
        super().__init__(client, lambda: DockerProvider(folder, network=self.network, instance=self.instance))

    def containers(self, everything=False):
        filters = {"label": f"{INSTANCE_LABEL}={self.instance}"}
        return self.client.containers.list(all=everything, filters=filters, ignore_removed=True)

    def clean(self):
        for container in self.containers(everything=True):
            with contextlib.suppress(Exception):
                container.remove(force=True)
        for network in self.client.networks.list(names=[self.network]):
            network.remove()
        shutil.rmtree(f"/dev/shm/faas-{os.getuid()}-{self.instance}", ignore_errors=True)


@pytest.fixture
def world(client, image, tmp_path):
    """A provider on the engine; everything it made is removed afterwards."""
    made = World(client, image, tmp_path / "state")
    yield made
    made.clean()
