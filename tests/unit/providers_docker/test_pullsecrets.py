"""Pull credentials: which secrets are for the engine, and for which registry."""

import base64
import json

import pytest

from faas_runtime.providers.docker.pullsecrets import credentials, for_function


def config(**registries):
    """A Docker config: a user for each registry."""
    entries = {
        name.replace("_", "."): {"auth": base64.b64encode(f"{user}:pw".encode()).decode()}
        for name, user in registries.items()
    }
    return json.dumps({"auths": entries}).encode()


VALUES = {"a": config(one_example="me"), "b": config(two_example="you"), "word": b"sesame", "json": b'{"auths": 1}'}


def test_the_registry_of_the_image():
    """The registry's host selects the credentials, in any of the secrets."""
    assert credentials("one.example/acme/fn:1", VALUES)["username"] == "me"
    assert credentials("two.example/acme/fn:1", VALUES)["username"] == "you"
    assert credentials("three.example/acme/fn:1", VALUES) is None
    assert credentials("acme/fn", VALUES) is None


@pytest.mark.parametrize("image", ["", "no/such image", "-/x", "http://one.example/x"])
def test_names_that_are_none(image):
    """Invalid references have no credentials; the engine reports them."""
    assert credentials(image, {"word": b"sesame"}) is None


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"auths": {"one.example": {"auth": "%%%"}}}', b"\xff{"])
def test_values_that_are_no_credentials(value):
    """Invalid secrets are skipped."""
    assert credentials("one.example/fn", {"a": value}) is None


def test_what_the_function_sees():
    """A function gets all secrets but pull credentials."""
    assert set(for_function(VALUES)) == {"word", "json"}
