"""A plugin out of an image of a real registry: right platform, right bytes, that one program."""

import os
import subprocess
import sys

import pytest

from faas_cli.errors import FaasError, UsageError
from faas_cli.images.builders.layers import LayerEntry, write_layer
from faas_cli.plugins.install import Platform, install, plugin_reference
from faas_cli.registry.client import Registry
from faas_cli.registry.errors import RegistryError
from faas_cli.registry.push import Push, put_index

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")


def publish(store, tmp_path, image, *layers, architecture="amd64"):
    """Push an image with these files in these layers; returns its digest."""
    written = [
        write_layer(store, [LayerEntry(name, 0o755, content=content) for name, content in files.items()])
        for files in layers
    ]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in written]},
    }
    store.put_image(image, config, written)
    return Push(store, tmp_path / "cache", image).run().digest


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "plugins"


def test_a_plugin_is_a_command(registry, docker_config, store, tmp_path):
    """`faas plugin get pro`, then `faas pro`: arguments, exit code; the image's other files are nowhere."""
    program = b"#!/bin/sh\necho plugin got $1\nexit 7\n"
    publish(store, tmp_path, f"{registry}/acme/pro:latest", {"pro": program, "build": b"evil", "usr/bin/more": b"x"})
    env = {**os.environ, "HOME": str(tmp_path / "home")}

    def faas(*arguments):
        cli = [sys.executable, "-c", "from faas_cli.cli import main; main()"]
        return subprocess.run([*cli, *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)

    got = faas("plugin", "get", "pro", "--registry", f"{registry}/acme", "--arch", "x86_64", "--os", "linux")
    assert got.returncode == 0, got.stderr
    assert got.stdout.startswith("Downloaded in (")
    assert sorted(path.name for path in (tmp_path / "home" / ".openfaas" / "plugins").iterdir()) == ["pro"]
    done = faas("pro", "this")
    assert (done.stdout, done.returncode) == ("plugin got this\n", 7)


def test_of_an_index_this_machines_own(registry, docker_config, store, tmp_path, folder):
    """And when there is none for it, those there are are named."""
    name = f"{registry}/acme/many"
    for architecture in ("amd64", "arm64"):
        content = {"many": architecture.encode()}
        publish(store, tmp_path, f"{name}:{architecture}", content, architecture=architecture)
    client = Registry(registry)
    put_index(f"{name}:latest", {each: client.manifest("acme/many", each) for each in ("amd64", "arm64")})
    image = plugin_reference("many", f"{registry}/acme", "latest")
    assert install("many", image, ARM, folder).path.read_bytes() == b"arm64"
    assert install("many", image, AMD, folder).path.read_bytes() == b"amd64"
    with pytest.raises(FaasError, match="is not built for darwin/arm64") as caught:
        install("many", image, Platform("darwin", "arm64"), folder)
    assert caught.value.hint == "it is for linux/amd64, linux/arm64"


def test_an_image_for_another_machine(registry, docker_config, store, tmp_path, folder):
    """Without an index the image itself says what it is for."""
    publish(store, tmp_path, f"{registry}/acme/one:latest", {"one": b"x"})
    with pytest.raises(FaasError, match="is not built for linux/arm64"):
        install("one", plugin_reference("one", f"{registry}/acme", "latest"), ARM, folder)
    assert not list(folder.glob("*"))


def test_the_upper_layer_counts(registry, docker_config, store, tmp_path, folder):
    """A program that a later layer has replaced."""
    publish(store, tmp_path, f"{registry}/acme/up:latest", {"bin/up": b"old"}, {"bin/up": b"new"})
    image = plugin_reference("up", f"{registry}/acme", "latest")
    assert install("up", image, AMD, folder).path.read_bytes() == b"new"


def test_a_digest_pins_it(registry, docker_config, store, tmp_path, folder):
    """The same program, whatever the tag means by now; an unknown digest is refused."""
    digest = publish(store, tmp_path, f"{registry}/acme/pin:latest", {"pin": b"first"})
    publish(store, tmp_path, f"{registry}/acme/pin:latest", {"pin": b"second"})
    made = install("pin", plugin_reference("pin", f"{registry}/acme", digest), AMD, folder)
    assert (made.path.read_bytes(), made.digest) == (b"first", digest)
    with pytest.raises(RegistryError):
        install("pin", plugin_reference("pin", f"{registry}/acme", f"sha256:{'0' * 64}"), AMD, folder)
    assert made.path.read_bytes() == b"first"


def test_an_image_without_the_program(registry, docker_config, store, tmp_path, folder):
    """And nothing is left of the attempt."""
    publish(store, tmp_path, f"{registry}/acme/none:latest", {"other": b"x"})
    with pytest.raises(FaasError, match="has no program `none`"):
        install("none", plugin_reference("none", f"{registry}/acme", "latest"), AMD, folder)
    assert not list(folder.glob("*"))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-v", ".hidden"])
def test_what_cannot_be_a_command(name):
    """The name becomes a file and a command."""
    with pytest.raises(UsageError):
        plugin_reference(name, "example.com/acme", "latest")
