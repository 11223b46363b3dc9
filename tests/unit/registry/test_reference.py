"""The parts of an image's name."""

import pytest

from faas_cli.registry.reference import parse_reference

HUB = "registry-1.docker.io"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("python:3.13-slim", (HUB, "library/python", "3.13-slim")),
        ("acme/fn", (HUB, "acme/fn", "latest")),
        ("docker.io/acme/fn:1", (HUB, "acme/fn", "1")),
        ("index.docker.io/library/python", (HUB, "library/python", "latest")),
        ("ghcr.io/acme/team/fn:1", ("ghcr.io", "acme/team/fn", "1")),
        ("localhost/fn", ("localhost", "fn", "latest")),
        ("localhost:5000/fn:2", ("localhost:5000", "fn", "2")),
        ("[2001:db8::1]:5000/team/fn:1", ("[2001:db8::1]:5000", "team/fn", "1")),
        ("[::1]/fn", ("[::1]", "fn", "latest")),
        ("127.0.0.1:5000/a/b", ("127.0.0.1:5000", "a/b", "latest")),
    ],
)
def test_parts(image, parts):
    """Docker's own rules for what is left out."""
    found = parse_reference(image)
    assert (found.registry, found.repository, found.tag) == parts


def test_a_pinned_name():
    """The digest selects the manifest."""
    found = parse_reference("python:3@sha256:abc")
    assert (found.manifest, found.tag) == ("sha256:abc", "3")
