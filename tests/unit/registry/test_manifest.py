"""A manifest as a registry, or something in its place, sends it."""

import pytest

from faas_cli.registry.client import Manifest
from faas_cli.registry.errors import RegistryError


@pytest.mark.parametrize("content", [b"<html>sign in</html>", b"", b"[]", b"\xff"])
def test_what_is_no_manifest_is_said(content):
    """A login page answers 200, too."""
    with pytest.raises(RegistryError, match=r"\(text/html\) is not a manifest"):
        Manifest(content, "text/html", "sha256:0").json()


def test_a_manifest_is_its_values():
    """As they were sent."""
    assert Manifest(b'{"layers": []}', "", "sha256:0").json() == {"layers": []}
