"""Which engine is used, and what says so."""

import json

import pytest

from faas_runtime.errors import Unavailable
from faas_runtime.providers.docker.address import EngineAddress, find_address


def context(folder, name, host, digest="abc"):
    """Make a Docker context and choose it."""
    meta = folder / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    meta.joinpath("meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    folder.joinpath("config.json").write_text(json.dumps({"currentContext": name}))


def test_docker_host_wins(tmp_path):
    """Over the context, too."""
    context(tmp_path, "far", "unix:///far.sock")
    found = find_address({"DOCKER_HOST": "tcp://127.0.0.1:2375", "DOCKER_CONFIG": str(tmp_path)})
    assert found == EngineAddress("tcp://127.0.0.1:2375", "DOCKER_HOST")


def test_docker_host_with_tls(tmp_path):
    """Certificates from where Docker looks for them."""
    environment = {"DOCKER_HOST": "tcp://localhost:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    assert find_address(environment).tls == "/certs"
    assert find_address({**environment, "DOCKER_TLS_VERIFY": "0"}).tls == ""


def test_the_context_in_use(tmp_path):
    """`docker context use`, with its certificates."""
    context(tmp_path, "mine", "unix:///mine.sock")
    (tmp_path / "contexts/tls/abc/docker").mkdir(parents=True)
    found = find_address({"DOCKER_CONFIG": str(tmp_path)})
    assert found == EngineAddress(
        "unix:///mine.sock", "Docker context `mine`", str(tmp_path / "contexts/tls/abc/docker")
    )


def test_a_context_by_environment(tmp_path):
    """`DOCKER_CONTEXT` wins over the one in use."""
    context(tmp_path, "other", "unix:///other.sock", "def")
    context(tmp_path, "mine", "unix:///mine.sock")
    found = find_address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "other"})
    assert str(found) == "unix:///other.sock (Docker context `other`)"


def test_a_context_that_is_not_there(tmp_path):
    """Told, not replaced by another engine."""
    with pytest.raises(Unavailable, match="Docker context `none` does not exist"):
        find_address({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "none"})


def test_podmans_socket(tmp_path, monkeypatch):
    """Where there is no Docker."""
    monkeypatch.setattr("faas_runtime.providers.docker.address.DOCKER_SOCKET", tmp_path / "docker.sock")
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman/podman.sock").touch()
    found = find_address({"DOCKER_CONFIG": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
    assert found == EngineAddress(f"unix://{tmp_path}/podman/podman.sock", "Podman's socket")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2375", True),
        ("tcp://[::1]:2375", True),
        ("tcp://build.example.com:2376", False),
        ("ssh://me@localhost", False),
        ("ssh://me@elsewhere", False),
    ],
)
def test_where_ports_can_be_reached(url, here):
    """Containers are published to the engine's loopback: it must be ours."""
    assert EngineAddress(url, "").is_here is here
