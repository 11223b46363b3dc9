"""A real registry that asks for a password, on a port of its own."""

import base64
import json

import pytest

from faas_cli.images.builders.layers import LayerEntry, write_layer
from faas_runtime.images.store import ImageStore
from tests.registries import serve_registry

USER, PASSWORD = "tester", "secret"
# bcrypt of PASSWORD, as `htpasswd -nbB` writes it.
HASH = "tester:$2b$05$SVZb8dl0E0QovUTuzluXf.bq74BfmujWHK7nSSfzsG.OGWYYcFvC2"


@pytest.fixture(scope="session")
def registry(tmp_path_factory, missing):
    """Host and port of the registry."""
    with serve_registry(tmp_path_factory.mktemp("registry"), missing, f"{HASH}\n") as address:
        yield address


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
