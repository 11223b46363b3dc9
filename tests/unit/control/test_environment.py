"""The environment variables of the REST contract."""

from pathlib import Path

import pytest

from faas_runtime.core.errors import Invalid
from faas_runtime.core.function_store import DEFAULT_STORE
from faas_runtime.gateway.auth.accounts import Account
from faas_runtime.gateway.auth.credentials import read_account
from faas_runtime.gateway.environment import Environment

NOTHING = Environment(
    port=None,
    auth=True,
    secrets_dir=None,
    provider_url="",
    logs_url="",
    provider_secrets_dir=None,
    store_url=DEFAULT_STORE,
    read_timeout=None,
    write_timeout=None,
    upstream_timeout=None,
)


def test_an_empty_environment_says_nothing():
    assert Environment.of({}) == NOTHING


def test_what_the_contract_names_is_read():
    assert Environment.of(
        {
            "port": "8081",
            "basic_auth": "false",
            "secret_mount_path": "/run/secrets/",
            "functions_provider_url": "http://provider:8081/",
            "logs_provider_url": "http://logs:8082/",
            "read_timeout": "8",
            "write_timeout": "1m5s",
            "upstream_timeout": "250ms",
            "OPENFAAS_STORE": "http://store/",
        }
    ) == Environment(
        port=8081,
        auth=False,
        secrets_dir=Path("/run/secrets"),
        provider_url="http://provider:8081/",
        logs_url="http://logs:8082/",
        provider_secrets_dir=None,
        store_url="http://store/",
        read_timeout=8.0,
        write_timeout=65.0,
        upstream_timeout=0.25,
    )


@pytest.mark.parametrize(
    ("name", "text"), [("port", "http"), ("port", "65536"), ("read_timeout", "soon"), ("upstream_timeout", "0")]
)
def test_what_cannot_be_understood_counts_as_not_said(name, text):
    assert Environment.of({name: text}) == NOTHING


@pytest.mark.parametrize("url", ["http://store/functions.json", ""])
def test_the_store_can_be_another_one_or_none(url):
    assert Environment.of({"OPENFAAS_STORE": url}).store_url == url


@pytest.mark.parametrize(("text", "auth"), [("true", True), ("yes", True), ("False", False), ("", True)])
def test_only_a_clear_word_turns_authentication_off(text, auth):
    assert Environment.of({"basic_auth": text}).auth is auth


def test_secrets_are_where_orchestrators_mount_them_unless_said_otherwise():
    assert Environment.of({"basic_auth": "true"}).secrets_dir == Path("/run/secrets")
    assert Environment.of({"basic_auth": "true", "secret_mount_path": "/x"}).secrets_dir == Path("/x")


def test_an_account_is_read_without_the_space_around_it(tmp_path):
    (tmp_path / "basic-auth-user").write_text("me\n")
    (tmp_path / "basic-auth-password").write_text("  secret \n")

    assert read_account(tmp_path) == Account("me", "secret")


@pytest.mark.parametrize("content", [None, " \n", b"\xff"])
def test_a_file_without_a_password_is_named(tmp_path, content):
    (tmp_path / "basic-auth-user").write_text("me")
    if content is not None:
        (tmp_path / "basic-auth-password").write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(Invalid, match=r"basic-auth-password` (is empty|cannot be read)"):
        read_account(tmp_path)
