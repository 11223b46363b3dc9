"""A real registry that asks for a password, on a port of its own."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from faas_cli.images.builders.layers import LayerEntry, write_layer
from faas_runtime.images.store import ImageStore

USER, PASSWORD = "tester", "secret"
# bcrypt of PASSWORD, as `htpasswd -nbB` writes it.
HASH = "tester:$2b$05$SVZb8dl0E0QovUTuzluXf.bq74BfmujWHK7nSSfzsG.OGWYYcFvC2"

CONFIG = """version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}/data
http:
  addr: 127.0.0.1:{port}
auth:
  htpasswd:
    realm: tests
    path: {folder}/htpasswd
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory, missing):
    """Host and port of the registry."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("`docker-registry`", "apt-get install docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (folder / "htpasswd").write_text(HASH + "\n")
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    deadline = time.monotonic() + 15
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait()


def write_docker_config(folder, registry, user=USER, password=PASSWORD):
    """A Docker config with credentials for the registry."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": auth}}}))


@pytest.fixture
def docker_config(tmp_path, monkeypatch, registry):
    """Docker's config folder, with the right password in it."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    write_docker_config(folder, registry)
    return folder


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path / "images")


def make_image(store, ref, content=b"x", annotations=None):
    """An image of one small layer."""
    layer = write_layer(store, [LayerEntry("home/app/file", 0o644, content=content)])
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["A=1"], "Cmd": ["/usr/bin/fwatchdog"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        "history": [{"created_by": "test"}],
    }
    return store.put_image(ref, config, [layer], annotations)
