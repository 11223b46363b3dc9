"""Which registries need not prove who they are."""

import json

import pytest

from faas_cli.registry import transport
from faas_cli.registry.transport import is_insecure


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """No settings but those of a test."""
    monkeypatch.delenv("FAAS_INSECURE_REGISTRIES", raising=False)
    path = tmp_path / "daemon.json"
    monkeypatch.setattr(transport, "daemon_configs", lambda: (tmp_path / "none.json", path))
    return path


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "[::1]"])
def test_this_machine(host):
    """Whatever the settings say."""
    assert is_insecure(host)


@pytest.mark.parametrize("host", ["registry-1.docker.io", "10.0.0.1:5000", "example.com:5000", "localhost.example.com"])
def test_any_other(host, settings):
    """Also where a setting cannot be read."""
    assert not is_insecure(host)
    settings.write_text("{")
    assert not is_insecure(host)


def test_those_of_dockers_daemon(settings):
    """By name with its port, and by network."""
    settings.write_text(json.dumps({"insecure-registries": ["registry.lan:5000", "10.1.0.0/16", "not/a-network"]}))
    assert is_insecure("registry.lan:5000")
    assert is_insecure("10.1.2.3:5000")
    assert is_insecure("10.1.2.3")
    assert not is_insecure("registry.lan")
    assert not is_insecure("10.2.0.1:5000")
    settings.write_text("[]")
    assert not is_insecure("registry.lan:5000")


def test_those_of_the_environment(monkeypatch):
    """Several, with commas."""
    monkeypatch.setenv("FAAS_INSECURE_REGISTRIES", "a.lan:5000, b.lan,192.168.0.0/24")
    assert [is_insecure(host) for host in ("a.lan:5000", "b.lan", "192.168.0.9:80", "c.lan")] == [
        True,
        True,
        True,
        False,
    ]
