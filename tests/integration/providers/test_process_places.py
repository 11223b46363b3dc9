"""Files of the process engine's replicas: who can open them, and what a link in the way can do."""

import os
import stat
import tempfile

import pytest

from faas_runtime.providers.process.places import Places, listening_socket, write_secrets


@pytest.fixture
def place(tmp_path):
    made = Places(tmp_path / "state").replica("fn-0a1b2c3d")
    made.make()
    yield made
    made.remove()


def test_only_the_gateway_opens_the_socket_of_a_replica(place):
    """Other users cannot even enter its folder, so nobody passes the gateway's checks by."""
    with listening_socket(place.socket):
        folder = place.socket.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not place.socket.is_relative_to(place.folder)
    place.remove()
    assert not place.socket.exists()


@pytest.fixture
def short(monkeypatch):
    """The folder of temporary files; that of the test may have a path too long for sockets."""
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield


def test_a_long_state_directory_has_its_sockets_in_a_private_folder(tmp_path, short):
    """The path of a socket is at most 107 bytes long."""
    place = Places(tmp_path / ("long" * 30)).replica("fn-0a1b2c3d")
    assert len(os.fsencode(place.socket)) <= 107
    place.make()
    with listening_socket(place.socket):
        assert stat.S_IMODE(place.socket.parent.stat().st_mode) == 0o700


def test_a_socket_folder_that_others_can_open_is_refused(tmp_path, short):
    """Somebody may have made the temporary folder before."""
    places = Places(tmp_path / ("long" * 30))
    folder = places.replica("fn-1").socket.parent
    folder.chmod(0o755)
    with pytest.raises(PermissionError, match="nobody else"):
        Places(tmp_path / ("long" * 30)).replica("fn-2")


@pytest.mark.parametrize("target", ["folder", "file"])
def test_secrets_are_never_written_through_a_link(place, tmp_path, target):
    """A function of the same user cannot turn the renewal of a secret into a write elsewhere."""
    victim = tmp_path / "victim"
    if target == "folder":
        victim.mkdir()
        place.secrets.symlink_to(victim)
        with pytest.raises(OSError, match="secrets"):
            write_secrets(place, {"key": b"new"})
        assert not list(victim.iterdir())
    else:
        victim.write_bytes(b"old")
        place.secrets.mkdir()
        (place.secrets / "key").symlink_to(victim)
        write_secrets(place, {"key": b"new"})
        assert victim.read_bytes() == b"old"
        assert (place.secrets / "key").read_bytes() == b"new"


def test_a_renewed_secret_replaces_the_old_one(place):
    """And only its owner can read it."""
    write_secrets(place, {"key": b"one"})
    write_secrets(place, {"key": b"two"})
    assert (place.secrets / "key").read_bytes() == b"two"
    assert stat.S_IMODE((place.secrets / "key").stat().st_mode) == 0o400
    assert [path.name for path in place.secrets.iterdir()] == ["key"]
