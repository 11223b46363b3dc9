"""Structured output: JSON and YAML are equal, and nothing else is on standard output."""

import json
import re

import msgspec
import pytest
import yaml

from faas_cli.output.schema import OUTPUTS

FUNCTION = {"name": "a", "image": "acme/a", "labels": {"team": "ü"}, "createdAt": "2024-01-02T03:04:05Z"}
STORE = {"version": "0.2.0", "functions": [{"name": "env", "title": "Env", "images": {"x86_64": "acme/env"}}]}
VERSION = {"version": 2, "image": "acme/a", "createdAt": "2024-01-02T03:04:05Z", "current": True}
CALL = {"callId": "c1", "function": "a", "namespace": "dev", "state": "dead", "attempts": 3, "created": 1.5}
SHARE = {"version": 2, "weight": 100, "image": "acme/a", "canary": False, "calls": 3, "errors": 1, "seconds": 0.5}

ANSWERS = {
    "GET /system/functions": [FUNCTION],
    "GET /system/function/a": FUNCTION,
    "GET /system/function/a/versions": [VERSION],
    "GET /system/secrets": [{"name": "s", "namespace": "dev"}],
    "GET /system/namespaces": ["dev"],
    "GET /system/info": {
        "provider": {"provider": "p", "version": {"sha": "s", "release": "1"}, "orchestration": "o"},
        "version": {"sha": "s", "release": "2"},
    },
    "GET /system/queue": {"counts": {"a.dev": {"dead": 1}}, "calls": [CALL]},
    "GET /system/async/c1": CALL,
    "GET /system/function/a/traffic": [SHARE],
    "GET /store": STORE,
    "GET /templates": [{"template": "go", "repo": "https://example.com/t", "official": "true", "recommended": True}],
}
COMMANDS = [
    "list",
    "describe a",
    "rollback a --list",
    "secret list",
    "namespace list",
    "version",
    "queue list",
    "queue show c1",
    "store list -p x86_64",
    "store describe env -p x86_64",
    "config explain -f stack.yml",
    "traffic a",
    "template store list",
    "template store describe go",
]


@pytest.fixture
def answered(client):
    for key, value in ANSWERS.items():
        client.gateway.answers[key] = (200, value)
    client.env["OPENFAAS_STORE"] = client.gateway.url + "/store"
    client.env["OPENFAAS_TEMPLATE_STORE_URL"] = client.gateway.url + "/templates"
    client.write("stack.yml", "provider: {name: openfaas}\nfunctions: {a: {image: acme/a}}\n")
    return client


@pytest.mark.parametrize("command", COMMANDS)
def test_three_forms(answered, command):
    """`-j` is `--output json`; no form has control codes in a pipe."""
    words = command.split()
    as_json = answered.run(*words, "-j").stdout
    assert answered.run(*words, "--output", "json").stdout == as_json
    value = json.loads(as_json)
    assert value
    assert yaml.safe_load(answered.run(*words, "--output", "yaml").stdout) == yaml.safe_load(yaml.safe_dump(value))
    assert_published(command, value)
    table = answered.run(*words, "--output=table").stdout
    assert table == answered.run(*words).stdout
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", table + as_json)


def assert_published(command, value):
    """A value has the form that is published for its command, and no field beyond it."""
    kind = next(OUTPUTS[words] for words in sorted(OUTPUTS, reverse=True) if f"{command} ".startswith(f"{words} "))
    read = msgspec.to_builtins(msgspec.convert(value, kind))
    assert_within(value, read)


def assert_within(value, read):
    """Every field that was printed was read; one that says nothing may be left out."""
    if isinstance(value, dict):
        for key, content in value.items():
            assert key in read or not content, key
            assert_within(content, read.get(key, content))
    elif isinstance(value, list):
        for content, each in zip(value, read, strict=True):
            assert_within(content, each)


def test_an_unknown_form(answered):
    """Is refused, with those there are."""
    assert b"'yaml'" in answered.run("list", "--output", "xml", code=2).stderr
