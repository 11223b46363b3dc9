"""What the gateway's image is made of."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from faas_cli.gateway.install import image

ROOT = Path(__file__).resolve().parents[3]


def test_libraries_are_ours():
    """Each is something the package itself asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["nats"]]
    for name in image.LIBRARIES:
        assert any(each.startswith(f"{name}>=") for each in asked), name


def test_installed_versions_are_kept():
    """The image runs what was tried here."""
    assert f"msgspec=={metadata.version('msgspec')}" in image.requirements()


def test_a_library_that_is_not_installed(monkeypatch):
    """It is required with the package's own version range."""

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(metadata, "requires", lambda name: ["uvloop>=0.19; sys_platform != 'win32'", "x"])
    assert "uvloop>=0.19" in image.requirements()
    assert "starlette" in image.requirements()


def test_sources_that_were_never_installed(monkeypatch):
    """A missing library is required by its name."""

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(metadata, "requires", absent)
    assert "uvloop" in image.requirements()


@pytest.mark.parametrize(("text", "line"), [("a\nb", "a"), ("", "OSError")])
def test_first_line(text, line):
    """Of what an engine complains about."""
    assert image.first_line(OSError(text)) == line
