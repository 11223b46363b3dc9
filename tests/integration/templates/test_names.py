"""The names people type for a language find a template: fetched, or the built-in one with the same handlers."""

import json

import pytest

from faas_cli.templates.find import TemplateNotFound, available
from faas_cli.templates.pull import obtain_template, template_for_new


@pytest.fixture
def no_store(tmp_path, monkeypatch):
    """A project in an empty folder, and a store that cannot be reached."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENFAAS_TEMPLATE_STORE_URL", "http://127.0.0.1:1/templates.json")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("golang", "go"), ("golang-http", "go-http"), ("golang-middleware", "go-http"),
        ("python3", "python"), ("python3-http", "python-http"), ("python3-flask-debian", "python-http"),
        ("node22", "node-http"), ("node18", "node-http"), ("nodejs", "node"), ("typescript", "node-ts"),
    ],
)  # fmt: skip
def test_without_a_store(no_store, typed, name):
    """The built-in template is taken, and that is reported."""
    said = []
    assert template_for_new(typed, said.append).name == name
    assert f"using the built-in template {name}" in said[-1]


def test_the_reason_is_reported(no_store):
    """The store's address and what is wrong with it, before what is used instead."""
    said = []
    template_for_new("python3-http", said.append)
    assert "127.0.0.1:1/templates.json cannot be fetched" in said[-1]


def test_a_stack_file_gets_no_other_template(no_store, tmp_path):
    """A build says which built-in template would do, and what is built in, and changes nothing by itself."""
    with pytest.raises(TemplateNotFound, match="no template called `golang-middleware`") as caught:
        obtain_template("golang-middleware", tmp_path)
    assert "the built-in `go-http` runs the handlers of `golang-middleware` unchanged" in caught.value.hint
    assert "cannot be fetched" in caught.value.hint
    assert all(name in caught.value.hint for name in available(tmp_path))


def test_a_repository_that_cannot_be_reached(tmp_path, monkeypatch):
    """It is named with git's reason, and the built-in templates with it."""
    store = tmp_path / "store.json"
    store.write_text(json.dumps([{"template": "cobol", "repo": "https://127.0.0.1:1/x.git", "source": "acme"}]))
    monkeypatch.setenv("OPENFAAS_TEMPLATE_STORE_URL", str(store))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TemplateNotFound, match=r"cannot be fetched from https://127\.0\.0\.1:1/x\.git") as caught:
        template_for_new("cobol", len)
    assert "python-http" in caught.value.hint


def test_the_store_comes_first(repository, tmp_path, monkeypatch):
    """A template of that very name is fetched when it can be."""
    repository.write("node22", "from the store")
    repository.commit("more")
    store = tmp_path / "store.json"
    store.write_text(json.dumps([{"template": "node22", "repo": repository.url, "source": "acme"}]))
    monkeypatch.setenv("OPENFAAS_TEMPLATE_STORE_URL", str(store))
    monkeypatch.chdir(tmp_path)
    assert template_for_new("node22", len).language == "from the store"
