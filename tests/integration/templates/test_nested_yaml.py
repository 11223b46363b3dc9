"""YAML that nests without end is an ordinary error in every file we read, with every PyYAML."""

import gc

import pytest

from faas_cli.errors import FaasError
from faas_cli.gateway import credentials
from faas_cli.stack.sealing import make_keys, unseal
from faas_cli.templates.find import read_template

DEEP = {"open": "[" * 2000, "closed": "[" * 2000 + "]" * 2000, "items": "- " * 2000 + "a", "maps": "{a: " * 2000}


@pytest.fixture(autouse=True)
def no_collection():
    """At the deepest point there is no stack left for finalizers of what other tests have left behind."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_a_template(tmp_path, text):
    """The message names the file and the place; older parsers crashed."""
    (tmp_path / "template.yml").write_text(text)
    with pytest.raises(FaasError, match=r"template\.yml:1:\d+: nests more than 50 levels deep"):
        read_template(tmp_path)


def test_a_template_that_is_not_text(tmp_path):
    """The message names the file."""
    (tmp_path / "template.yml").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(FaasError, match=r"template\.yml"):
        read_template(tmp_path)


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_credentials(tmp_path, monkeypatch, text):
    """The message says which file to repair."""
    monkeypatch.setenv("OPENFAAS_CONFIG", str(tmp_path))
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(FaasError, match="is not a credentials file"):
        credentials.load_credentials("http://gateway.example:8080")


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_sealed_secrets(text):
    """The message says that it is no such file."""
    with pytest.raises(FaasError, match="not a sealed secrets file"):
        unseal(make_keys()[0], text)
