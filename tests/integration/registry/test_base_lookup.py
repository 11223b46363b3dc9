"""A base image whose name tells no version: its configuration is read from a real registry."""

import pytest

from faas_cli.images import base as base_module
from faas_cli.images.base import base_of
from faas_cli.registry.client import Registry
from faas_cli.registry.push import Push, put_index
from faas_runtime.images.store import Descriptor

from .conftest import make_image

pytestmark = pytest.mark.integration


def publish(store, tmp_path, image, environment, history="RUN apt-get update", **options):
    """Push an image with this environment; returns its manifest."""
    make_image(store, image)
    digest = store.digest_of(image)
    manifest = store.manifest(digest)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": environment},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in manifest["layers"]]},
        "history": [{"created_by": history}],
    }
    layers = [Descriptor(layer["mediaType"], layer["digest"], layer["size"]) for layer in manifest["layers"]]
    store.put_image(image, config, layers)
    return Push(store, tmp_path / "cache", image).run(**options)


def test_python_and_the_c_library(registry, docker_config, store, tmp_path, monkeypatch):
    """Of an image, and of an index; the answer is kept for the next run."""
    image = f"{registry}/team/runtime:1"
    publish(store, tmp_path, image, ["PATH=/bin", "PYTHON_VERSION=3.12.4"])
    found = base_of(image, "amd64", "python", tmp_path / "bases")
    assert (found.python, found.libc) == ("3.12", "glibc")
    alpine = f"{registry}/team/alpine-of-ours:1"
    manifest = publish(store, tmp_path, alpine, ["PYTHON_VERSION=3.13.1"], "ADD alpine-minirootfs.tar.gz / # buildkit")
    put_index(alpine, {"amd64": manifest})
    found = base_of(alpine, "amd64", "python", tmp_path / "bases")
    assert (found.python, found.libc) == ("3.13", "musl")
    node = f"{registry}/team/js:1"
    publish(store, tmp_path, node, ["NODE_VERSION=22.11.0"])
    assert base_of(node, "amd64", "node", tmp_path / "bases").node == "22"
    base_module._unanswered.clear()
    monkeypatch.setattr(Registry, "manifest", lambda *_: pytest.fail("the answer was kept"))
    assert base_of(image, "amd64", "python", tmp_path / "bases").python == "3.12"


def test_a_registry_without_an_answer_is_asked_once(registry, docker_config, tmp_path, monkeypatch):
    """The version is unknown then, and the build goes on; the next run asks again."""
    image = f"{registry}/team/no-such-image:1"
    asked = []
    manifest = Registry.manifest
    monkeypatch.setattr(Registry, "manifest", lambda *words: asked.append(words) or manifest(*words))
    remarks = []
    for _ in range(2):
        assert base_of(image, "amd64", "python", tmp_path / "bases", remarks.append).python == ""
    assert len(asked) == 1
    (remark,) = remarks
    assert remark.startswith(f"the version of its base image `{image}` is not known: the registry {registry} ")
    base_module._unanswered.clear()
    assert base_of(image, "amd64", "python", tmp_path / "bases").python == ""
    assert len(asked) == 2
