"""Passwords in the keychain where there is one, else in a file only its owner can read."""

import pytest

from faas_cli.gateway import credentials, keychain

URL = "http://gateway.example:8080"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENFAAS_CONFIG", str(tmp_path))
    return tmp_path


class Keyring:
    """A keychain in memory."""

    def __init__(self):
        self.kept = {}

    def set_password(self, service, name, value):
        self.kept[service, name] = value

    def get_password(self, service, name):
        return self.kept.get((service, name))

    def delete_password(self, service, name):
        del self.kept[service, name]


def test_in_a_file(home, monkeypatch):
    """Mode 0600, in faas-cli's format."""
    monkeypatch.setattr(keychain, "_backend", lambda: None)
    assert credentials.save_credentials(URL, "admin", "secret") == str(home / "config.yml")
    assert (home / "config.yml").stat().st_mode & 0o777 == 0o600
    assert credentials.load_credentials(f"{URL}/").password == "secret"
    assert credentials.remove_credentials(URL)
    assert credentials.load_credentials(URL) is None
    assert not credentials.remove_credentials(URL)


def test_in_the_keychain(home, monkeypatch):
    """The file only says that it is there."""
    keyring = Keyring()
    monkeypatch.setattr(keychain, "_backend", lambda: keyring)
    assert credentials.save_credentials(URL, "admin", "secret") == "the keychain"
    assert "c2VjcmV0" not in (home / "config.yml").read_text()
    assert credentials.load_credentials(URL).password == "secret"
    credentials.remove_credentials(URL)
    assert keyring.kept == {}


def test_a_keychain_that_refuses(home, monkeypatch):
    """Is as good as none."""
    keyring = Keyring()
    keyring.set_password = lambda *arguments: 1 / 0
    monkeypatch.setattr(keychain, "_backend", lambda: keyring)
    assert credentials.save_credentials(URL, "admin", "secret") == str(home / "config.yml")
    assert credentials.load_credentials(URL).password == "secret"


def test_one_entry_is_replaced_and_the_others_stay(home, monkeypatch):
    """In their order."""
    monkeypatch.setattr(keychain, "_backend", lambda: None)
    for number in range(3):
        credentials.save_credentials(f"http://h{number}", "u", str(number))
    credentials.save_credentials("http://h1", "u", "new")
    assert [credentials.load_credentials(f"http://h{number}").password for number in range(3)] == ["0", "new", "2"]
