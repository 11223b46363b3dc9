"""The self-container lookup: a gateway on the engine's machine, and one in a container."""

from pathlib import PurePosixPath

import pytest
from docker.errors import NotFound

from faas_runtime.core.errors import Invalid
from faas_runtime.providers.docker.container import container_of
from faas_runtime.providers.docker.self_container import SelfContainer, find_self_container

STATE = PurePosixPath("/var/lib/faas")
VOLUME = PurePosixPath("/var/lib/docker/volumes/state/_data")
ATTRS = {
    "Id": "1",
    "State": {"Running": True},
    "NetworkSettings": {
        "Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}]},
        "Networks": {"faas": {"IPAddress": "172.19.0.3"}},
    },
}


class FakeEngine:
    """An engine with one container; it records connections to networks."""

    def __init__(self, name, networks):
        self.containers = self.networks = self
        self.name, self.connected = name, []
        self.id = "f" * 64
        self.attrs = {
            "NetworkSettings": {"Networks": {name: {} for name in networks}},
            "Mounts": [{"Type": "volume", "Source": str(VOLUME), "Destination": str(STATE)}, {"Type": "tmpfs"}],
        }

    def get(self, name):
        if name == "faas":
            return self
        if name not in (self.name, self.id):
            raise NotFound(name)
        return self

    def connect(self, container, aliases):
        self.connected.append((container, aliases))


@pytest.mark.parametrize(("inside", "host", "port"), [(False, "127.0.0.1", 32768), (True, "172.19.0.3", 8080)])
def test_where_a_container_is_reached(inside, host, port):
    """At its published port from the host, at its own address from another container."""
    found = container_of(ATTRS, inside=inside)
    assert (found.host, found.port) == (host, port)


def test_one_without_an_address_is_not_reached_yet():
    """A container without an address has port 0."""
    attrs = {**ATTRS, "NetworkSettings": {"Networks": {"faas": {"IPAddress": ""}}}}
    assert container_of(attrs, inside=True).port == 0


@pytest.mark.parametrize("hostname", ["gateway", "0123456789ab"])
def test_on_the_host(monkeypatch, hostname):
    """A host name like a container's id counts only if the engine knows the container."""
    monkeypatch.setattr("socket.gethostname", lambda: hostname)
    here = find_self_container(FakeEngine("aaaaaaaaaaaa", []))
    assert here == SelfContainer()
    assert here.host_path("/dev/shm/x") == "/dev/shm/x"


@pytest.mark.parametrize(("networks", "connected"), [(["faas"], []), (["bridge"], [("f" * 64, ["gateway"])])])
def test_in_a_container(monkeypatch, networks, connected):
    """It is connected to the functions' network once, and its volumes are mapped to the engine's paths."""
    monkeypatch.setattr("socket.gethostname", lambda: "0123456789ab")
    engine = FakeEngine("0123456789ab", networks)
    here = find_self_container(engine)
    here.join(engine, "faas")
    assert engine.connected == connected
    assert here.inside
    assert here.host_path("/var/lib/faas/docker/mounted") == f"{VOLUME}/docker/mounted"


def test_a_folder_that_is_no_volume():
    """The engine would mount another folder of the same name, so the path is refused."""
    here = SelfContainer("id", ((STATE, VOLUME),))
    with pytest.raises(Invalid, match="mount a volume"):
        here.host_path("/var/lib/faas-other")
