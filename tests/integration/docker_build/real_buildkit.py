"""`--builder buildx` and `faas publish` with the real plugin and a real BuildKit, compiled from their Go modules.

Run by hand with `make buildkit`: compiling both takes four minutes of a processor, once for each version.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.gateways import ROOT
from tests.integration.docker_provider.test_under_load import free_port

BUILDX, BUILDKIT = "v0.19.3", "v0.17.3"
CACHE = Path.home() / f".cache/faas-tests/buildkit-{BUILDX}-{BUILDKIT}"
DOCKERFILE = 'FROM {base}\nARG TARGETARCH\nCOPY fn-$TARGETARCH /fn\nEXPOSE 8080\nCMD ["/fn"]\n'
PROGRAM = 'package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString("hi") }\n'


@pytest.fixture(scope="session")
def programs(tool):
    """The folder with `buildx` and `buildkitd`."""
    modules = {"buildx": f"github.com/docker/buildx/cmd/buildx@{BUILDX}",
               "buildkitd": f"github.com/moby/buildkit/cmd/buildkitd@{BUILDKIT}"}  # fmt: skip
    for name, module in modules.items():
        if not (CACHE / name).exists():
            environment = {**os.environ, "GOBIN": str(CACHE), "GOFLAGS": ""}
            subprocess.run([tool("go"), "install", module], env=environment, check=True)
    return CACHE


@pytest.fixture
def world(programs, tmp_path, tool, engine_client):
    """A registry, a BuildKit that `BUILDX_BUILDER` names, and the source of a function for two platforms."""
    docker_config = tmp_path / "docker"
    (docker_config / "cli-plugins").mkdir(parents=True)
    (docker_config / "cli-plugins/docker-buildx").symlink_to(programs / "buildx")
    environment = {
        **os.environ, "DOCKER_CONFIG": str(docker_config), "PYTHONPATH": f"{ROOT}:{ROOT}/runtime",
        "FAAS_STATE_DIR": str(tmp_path / "state"), "BUILDX_BUILDER": "real",
    }  # fmt: skip
    registry = f"127.0.0.1:{free_port()}"
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/blobs}}}}\nhttp: {{addr: '{registry}'}}\n"
    )
    socket = f"unix://{tmp_path}/buildkit.sock"
    commands = [
        [tool("docker-registry"), "serve", str(tmp_path / "registry.yml")],
        [str(programs / "buildkitd"), "--root", str(tmp_path / "buildkit"), "--addr", socket,
         "--containerd-worker=false", "--oci-worker-net=host"],
    ]  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "buildkit.sock").exists():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        create = ["docker", "buildx", "create", "--name", "real", "--driver", "remote", socket]
        subprocess.run(create, env=environment, check=True)
        yield World(tmp_path, environment, registry, tool("go"))
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


class World:
    """A project, and commands in it."""

    def __init__(self, folder, environment, registry, go):
        self.folder, self.environment, self.registry, self._go = folder, environment, registry, go

    def function(self, name, base="scratch"):
        """Write a function with a Dockerfile on this base."""
        folder = self.folder / name
        folder.mkdir()
        (self.folder / "main.go").write_text(PROGRAM)
        for architecture in ("amd64", "arm64"):
            environment = {**os.environ, "CGO_ENABLED": "0", "GOARCH": architecture}
            command = [self._go, "build", "-o", str(folder / f"fn-{architecture}"), "main.go"]
            subprocess.run(command, cwd=self.folder, env=environment, check=True)
        (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base))
        (self.folder / f"{name}.yml").write_text(
            "version: 1.0\nprovider: {name: openfaas}\nfunctions:\n"
            f"  {name}: {{lang: dockerfile, handler: ./{name}, image: '{self.registry}/{name}:1'}}\n"
        )

    def faas(self, *arguments):
        command = [sys.executable, "-c", "from faas_cli.cli import main; main()", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def get(self, name, path):
        address = f"http://{self.registry}/v2/{name}/{path}"
        accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": accept})) as answer:
            return json.loads(answer.read())


def test_buildx_builds_into_the_engine(world, engine_client):
    """The plugin with the engine's own BuildKit; the image runs."""
    world.environment.pop("BUILDX_BUILDER")
    world.function("plain")
    done = world.faas("build", "-f", "plain.yml", "--builder", "buildx")
    assert done.returncode == 0, done.stderr
    image = f"{world.registry}/plain:1"
    try:
        assert engine_client.containers.run(image, entrypoint="/fn", remove=True) == b"hi"
    finally:
        engine_client.images.remove(image, force=True)


def test_publish_for_two_platforms(world):
    """The registry has an index, and each of its images the program of its platform."""
    world.function("both")
    done = world.faas("publish", "-f", "both.yml", "--platforms", "linux/amd64,linux/arm64")
    assert done.returncode == 0, done.stderr
    images = [each for each in world.get("both", "manifests/1")["manifests"] if "annotations" not in each]
    assert [each["platform"]["architecture"] for each in images] == ["amd64", "arm64"]
    for each in images:
        manifest = world.get("both", f"manifests/{each['digest']}")
        config = world.get("both", f"blobs/{manifest['config']['digest']}")
        assert config["architecture"] == each["platform"]["architecture"]


def test_a_base_of_another_platform_is_refused(world):
    """BuildKit only warns; nothing is pushed."""
    base = world.folder / "base"
    base.mkdir()
    (base / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /x\n")
    command = ["docker", "buildx", "build", "--provenance=false", "--platform", "linux/amd64", "--push"]
    subprocess.run([*command, "-t", f"{world.registry}/base:1", "."], cwd=base, env=world.environment, check=True)
    world.function("wrong", f"{world.registry}/base:1")
    done = world.faas("publish", "-f", "wrong.yml", "--platforms", "linux/amd64,linux/arm64")
    assert done.returncode == 1, done
    assert 'pulled with platform "linux/amd64", expected "linux/arm64"' in done.stderr
    assert not (world.folder / "blobs/docker/registry/v2/repositories/wrong").exists()
