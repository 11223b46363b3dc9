"""Pushing from the local store, without an engine, to a real registry."""

import json
import os
import subprocess

import pytest
import urllib3

from faas_cli.errors import FaasError
from faas_cli.images.builders.engine import find_engine, ping
from faas_cli.registry.client import Registry
from faas_cli.registry.engine import push_from_engine
from faas_cli.registry.errors import RegistryError
from faas_cli.registry.push import BASE_DIGEST, Push
from faas_cli.registry.reference import check_pushable
from faas_runtime.images.store import DamagedBlob

from .conftest import PASSWORD, USER, make_image, write_docker_config


def push(store, tmp_path, image):
    outcomes = []
    manifest = Push(store, tmp_path / "cache", image, lambda blob, outcome: outcomes.append(outcome)).run()
    return manifest.digest, outcomes


def test_another_tool_reads_what_was_pushed(registry, docker_config, store, tmp_path, tool):
    """And the digest is the one we said."""
    image = f"{registry}/acme/fn:1"
    make_image(store, image)
    digest, outcomes = push(store, tmp_path, image)
    assert outcomes == ["pushed", "pushed"]
    command = [tool("skopeo"), "inspect", "--tls-verify=false", f"--creds={USER}:{PASSWORD}", f"docker://{image}"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (found["Digest"], found["Env"]) == (digest, ["A=1"])


def test_what_is_there_is_not_sent_again(registry, docker_config, store, tmp_path):
    """The second push sends nothing, and ends at the same digest."""
    image = f"{registry}/acme/twice:1"
    make_image(store, image, b"twice")
    first, _ = push(store, tmp_path, image)
    second, outcomes = push(store, tmp_path, image)
    assert (second, outcomes) == (first, ["already exists", "already exists"])


def test_a_damaged_layer_is_not_pushed(registry, docker_config, store, tmp_path):
    """Neither from the store, nor from the cache of compressed layers."""
    image = f"{registry}/acme/damaged:1"
    digest = make_image(store, image, b"damaged")
    layer = store.blob_path(store.manifest(digest)["layers"][0]["digest"])
    content = layer.read_bytes()
    layer.write_bytes(content[:-1])
    with pytest.raises(DamagedBlob, match="build the image again"):
        push(store, tmp_path, image)
    assert not list((tmp_path / "cache" / "compressed").iterdir())
    make_image(store, image, b"damaged")
    first, _ = push(store, tmp_path, image)
    (compressed,) = (tmp_path / "cache" / "compressed").iterdir()
    compressed.write_bytes(b"x")
    assert push(store, tmp_path, image)[0] == first
    assert compressed.read_bytes() != b"x"


def test_the_same_input_has_the_same_digest_in_the_registry(registry, docker_config, tmp_path):
    """From another store too: compression adds no time and no name."""
    from faas_runtime.images.store import ImageStore

    digests = []
    for place in ("a", "b"):
        store = ImageStore(tmp_path / place)
        image = f"{registry}/acme/same-{place}:1"
        make_image(store, image, b"same")
        digests.append(push(store, tmp_path / f"cache-{place}", image)[0])
    assert digests[0] == digests[1]


def test_a_base_is_put_below(registry, docker_config, store, tmp_path):
    """Its layers are mounted within a registry; its environment comes first, ours wins."""
    base = f"{registry}/library/base:1"
    make_image(store, base, b"base")
    base_digest, _ = push(store, tmp_path, base)
    image = f"{registry}/acme/upper:1"
    make_image(store, image, b"upper", {"org.opencontainers.image.base.name": base})
    digest, outcomes = push(store, tmp_path, image)
    assert "mounted" in outcomes
    remote = Registry(registry)
    manifest = remote.manifest("acme/upper", digest).json()
    assert len(manifest["layers"]) == 2
    assert manifest["annotations"][BASE_DIGEST] == base_digest
    remote.fetch_blob("acme/upper", manifest["config"]["digest"], tmp_path / "config")
    config = json.loads((tmp_path / "config").read_bytes())
    assert len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 2
    assert config["config"]["Env"] == ["A=1"]


@pytest.mark.parametrize("arrived", [0, 1000])
@pytest.mark.parametrize("chunk_number", [0, 1])
def test_a_broken_upload_is_taken_up(registry, docker_config, store, tmp_path, monkeypatch, chunk_number, arrived):
    """In whichever part it breaks, and whether or not some of that part had arrived."""
    image = f"{registry}/acme/large-{chunk_number}-{arrived}:1"
    make_image(store, image, os.urandom(10 * 1024 * 1024))
    sent = []
    patch = Registry._patch

    def flaky(self, location, repository, chunk, offset):
        sent.append(offset)
        if len(sent) == chunk_number + 1:
            if arrived:
                patch(self, location, repository, chunk[:arrived], offset)
            raise RegistryError("the connection broke")
        return patch(self, location, repository, chunk, offset)

    monkeypatch.setattr(Registry, "_patch", flaky)
    digest, _ = push(store, tmp_path, image)
    assert len(sent) > 3
    name = f"acme/large-{chunk_number}-{arrived}"
    layer = Registry(registry).manifest(name, digest).json()["layers"][0]
    Registry(registry).fetch_blob(name, layer["digest"], tmp_path / "layer")
    assert (tmp_path / "layer").stat().st_size == layer["size"]


def test_wrong_and_missing_credentials(registry, docker_config, store, tmp_path):
    """One line each, with the way to log in."""
    image = f"{registry}/acme/closed:1"
    make_image(store, image)
    write_docker_config(docker_config, registry, password="wrong")
    with pytest.raises(RegistryError, match="rejected the credentials") as caught:
        push(store, tmp_path, image)
    assert "registry-login" in caught.value.hint
    (docker_config / "config.json").unlink()
    with pytest.raises(RegistryError, match="requires credentials"):
        push(store, tmp_path, image)


def test_a_credential_helper_is_asked(registry, docker_config, store, tmp_path, monkeypatch):
    """A program `docker-credential-NAME` on PATH."""
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.parent.mkdir()
    helper.write_text(f'#!/bin/sh\ncat >/dev/null\necho \'{{"Username": "{USER}", "Secret": "{PASSWORD}"}}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}{os.pathsep}{os.environ['PATH']}")
    (docker_config / "config.json").write_text(json.dumps({"credHelpers": {registry: "test"}}))
    image = f"{registry}/acme/helped:1"
    make_image(store, image)
    push(store, tmp_path, image)


def test_nobody_there(docker_config, store, tmp_path):
    """The registry's name, not a stack of causes."""
    make_image(store, "127.0.0.1:1/acme/fn:1")
    with pytest.raises(RegistryError, match=r"the registry 127\.0\.0\.1:1 does not answer"):
        push(store, tmp_path, "127.0.0.1:1/acme/fn:1")


@pytest.mark.parametrize("image", ["gohash:latest", "gohash"])
def test_a_local_name_cannot_be_pushed(image):
    """The hint shows a name that can be pushed."""
    with pytest.raises(FaasError, match="cannot be pushed: the name has no registry") as caught:
        check_pushable(image)
    assert f"OWNER/{image}" in caught.value.hint


def test_all_local_names_are_listed():
    """One error names every image that cannot be pushed."""
    with pytest.raises(FaasError, match="`a:1`, `b:1` cannot be pushed: the names have no registry"):
        check_pushable("a:1", "acme/fn:1", "b:1")


def test_a_broken_download_is_begun_again(registry, docker_config, store, tmp_path, monkeypatch):
    """And one that breaks every time ends with a line that names the registry."""
    image = f"{registry}/acme/download:1"
    make_image(store, image, b"download")
    digest, _ = push(store, tmp_path, image)
    remote = Registry(registry)
    blob = remote.manifest("acme/download", digest).json()["layers"][0]["digest"]
    stream, breaks = urllib3.HTTPResponse.stream, [1]

    def flaky(self, *arguments):
        if breaks[0]:
            breaks[0] -= 1
            raise urllib3.exceptions.ProtocolError("broke off")
        return stream(self, *arguments)

    monkeypatch.setattr(urllib3.HTTPResponse, "stream", flaky)
    remote.fetch_blob("acme/download", blob, tmp_path / "blob")
    assert (tmp_path / "blob").exists()
    breaks[0] = 10
    with pytest.raises(RegistryError, match=r"broke off while sending"):
        remote.fetch_blob("acme/download", blob, tmp_path / "blob")


def test_what_only_the_engine_has_is_pushed_by_it(registry, docker_config, missing):
    """With the same credentials; its answer's digest is the registry's."""
    import io
    import tarfile

    import docker

    engine = find_engine()
    if ping(engine):
        missing("a container engine", "systemctl start docker")
    client = docker.DockerClient(base_url=engine.url)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"), io.BytesIO())
    image = f"{registry}/acme/engine:1"
    client.api.import_image_from_data(content.getvalue(), repository=f"{registry}/acme/engine", tag="1")
    try:
        digest = push_from_engine(image)
        assert Registry(registry).manifest("acme/engine", "1").digest == digest
        write_docker_config(docker_config, registry, password="wrong")
        with pytest.raises(FaasError, match="was not pushed"):
            push_from_engine(image)
    finally:
        client.images.remove(image)
        client.close()


def test_an_engine_that_does_not_answer(monkeypatch, tmp_path, docker_config):
    """One line: where it was looked for, and why that failed."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(FaasError, match=r"no\.sock cannot push it: No such file"):
        push_from_engine("127.0.0.1:1/acme/engine:1")
