"""Which engine is used, and what says so."""

import hashlib
import json
import socket

import pytest

from faas_runtime.core import engine_address
from faas_runtime.core.engine_address import EngineAddress, UnknownContext, find_address


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """An environment where nothing is set and nobody listens."""
    monkeypatch.setattr(engine_address, "DOCKER_SOCKET", tmp_path / "no-docker.sock")
    monkeypatch.setattr(engine_address, "PODMAN_SOCKET", tmp_path / "no-podman.sock")
    return {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}


def context(folder, name, host):
    """Make a Docker context and choose it; returns its key."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / key
    meta.mkdir(parents=True)
    meta.joinpath("meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    folder.joinpath("config.json").write_text(json.dumps({"currentContext": name}))
    return key


def test_docker_host_wins(settings, tmp_path):
    """Over the context and over Podman's variable; a path and a bare host are completed."""
    context(tmp_path, "far", "unix:///far.sock")
    settings["CONTAINER_HOST"] = "unix:///podman.sock"
    for given, url in (
        ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
        ("/x.sock", "unix:///x.sock"),
        ("far:2375", "tcp://far:2375"),
    ):
        assert find_address({**settings, "DOCKER_HOST": given}) == EngineAddress(url, "DOCKER_HOST")


def test_docker_host_with_tls(settings):
    """Certificates from where Docker looks for them."""
    given = {**settings, "DOCKER_HOST": "tcp://localhost:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    assert find_address(given).tls == "/certs"
    assert find_address({**given, "DOCKER_TLS_VERIFY": "0"}).tls == ""
    assert find_address({**given, "DOCKER_CERT_PATH": ""}).tls == settings["DOCKER_CONFIG"]


def test_podmans_variable(settings, tmp_path):
    """Over the context that happens to be in use, not over one that is asked for."""
    context(tmp_path, "mine", "unix:///mine.sock")
    settings["CONTAINER_HOST"] = "unix:///podman.sock"
    assert find_address(settings) == EngineAddress("unix:///podman.sock", "CONTAINER_HOST")
    assert find_address({**settings, "DOCKER_CONTEXT": "mine"}).source == "the Docker context `mine`"


def test_the_context_in_use(settings, tmp_path):
    """`docker context use`, with its certificates."""
    tls = tmp_path / "contexts/tls" / context(tmp_path, "mine", "tcp://mine:2376") / "docker"
    tls.mkdir(parents=True)
    (tls / "ca.pem").touch()
    assert find_address(settings) == EngineAddress("tcp://mine:2376", "the Docker context `mine`", str(tls))


def test_a_context_by_environment(settings, tmp_path):
    """`DOCKER_CONTEXT` wins over the one in use; `default` is none."""
    context(tmp_path, "other", "unix:///other.sock")
    context(tmp_path, "mine", "unix:///mine.sock")
    found = find_address({**settings, "DOCKER_CONTEXT": "other"})
    assert str(found) == "unix:///other.sock (the Docker context `other`)"
    assert find_address({**settings, "DOCKER_CONTEXT": "default"}).source == "Docker's socket"


def test_a_context_that_is_not_there(settings):
    """Told, not replaced by another engine."""
    with pytest.raises(UnknownContext, match="the Docker context `none` does not exist"):
        find_address({**settings, "DOCKER_CONTEXT": "none"})


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("docker.sock", "rootless Docker's socket"),
        (".colima/default/docker.sock", "Colima's socket"),
        ("podman/podman.sock", "Podman's socket"),
    ],
)
def test_a_socket_somebody_listens_on(settings, tmp_path, monkeypatch, name, source):
    """A file that is left of an engine that has ended is passed over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-docker.sock").touch()
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(name)
        engine.listen()
        assert find_address(settings) == EngineAddress(f"unix://{path}", source)
    assert find_address(settings).source == "Docker's socket"


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
