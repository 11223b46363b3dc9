"""Hints print how this installation was made: PEP 610's direct_url.json, else the version."""

import json
from importlib import metadata

import pytest

from faas_runtime import __version__
from faas_runtime.core import distribution

FOLDER = "file:///home/me/my%20faas"
GIT = "https://example.com/faas.git"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

# What pip wrote, and the requirement that installs the same with the extra `go`.
ORIGINS = {
    "an index": (None, f"faaskit[go]=={__version__}"),
    "not JSON": ("{", f"faaskit[go]=={__version__}"),
    "not an object": ("[]", f"faaskit[go]=={__version__}"),
    "no address": ("{}", f"faaskit[go]=={__version__}"),
    "git": (
        {"url": GIT, "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": COMMIT}},
        f"faaskit[go] @ git+{GIT}@{COMMIT}",
    ),
    "git over ssh": (
        {"url": "ssh://git@example.com/faas", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        f"faaskit[go] @ git+ssh://git@example.com/faas@{COMMIT}",
    ),
    "a folder of a repository": (
        {"url": GIT, "vcs_info": {"vcs": "git", "commit_id": COMMIT}, "subdirectory": "python"},
        f"faaskit[go] @ git+{GIT}@{COMMIT}#subdirectory=python",
    ),
    "a password": (
        {"url": "https://me:secret@example.com/f.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        f"faaskit[go] @ git+https://example.com/f.git@{COMMIT}",
    ),
    "a password in a variable": (
        {"url": "https://${USER}:${TOKEN}@example.com/f.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        "faaskit[go] @ git+https://${USER}:${TOKEN}@example.com/f.git@" + COMMIT,
    ),
    "a folder": ({"url": FOLDER, "dir_info": {}}, f"faaskit[go] @ {FOLDER}"),
    "a wheel": (
        {"url": "file:///tmp/faaskit-1-py3-none-any.whl", "archive_info": {"hashes": {"sha256": "ab"}}},
        "faaskit[go] @ file:///tmp/faaskit-1-py3-none-any.whl#sha256=ab",
    ),
    "a wheel without a hash": (
        {"url": "https://example.com/f.whl", "archive_info": {}},
        "faaskit[go] @ https://example.com/f.whl",
    ),
}


class Installed:
    """A distribution that pip installed from an origin."""

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        assert name == "direct_url.json"
        return self.origin if self.origin is None or isinstance(self.origin, str) else json.dumps(self.origin)


@pytest.fixture
def installed(monkeypatch):
    """Have the package be installed from this origin."""

    def install(origin):
        found = {"faaskit": Installed(origin)}
        monkeypatch.setattr(metadata, "distribution", lambda name: found[name])

    return install


@pytest.mark.parametrize(("origin", "expected"), ORIGINS.values(), ids=ORIGINS)
def test_the_requirement_repeats_the_installation(installed, origin, expected):
    """A git or file address when there is one, else the version."""
    installed(origin)
    assert distribution.requirement("go") == expected
    assert distribution.install_command("go") == f"pip install '{expected}'"


def test_several_extras_and_none(installed):
    """Extras are listed; without one there are no brackets."""
    installed(None)
    assert distribution.requirement("go", "node") == f"faaskit[go,node]=={__version__}"
    assert distribution.install_command() == f"pip install faaskit=={__version__}"


def test_an_editable_installation_stays_editable(installed):
    """Its folder is written as a path, which pip takes after --editable."""
    installed({"url": FOLDER, "dir_info": {"editable": True}})
    assert distribution.install_command("go") == "pip install --editable '/home/me/my faas[go]'"
    assert distribution.requirement("go") == f"faaskit[go] @ {FOLDER}"


def test_sources_that_were_never_installed(monkeypatch):
    """The version is known all the same."""

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert distribution.requirement("go") == f"faaskit[go]=={__version__}"
