"""The pipelines `faas ci init` writes use commands and flags that exist."""

import re
import shlex

import pytest
import yaml
from click import Command, Group, Option

from faas_cli.ci import LOGINS, SERVICES, local_origin, pipeline
from faas_cli.cli import root


def texts(value):
    """Every text in a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for each in value for found in texts(each)]
    return [value] if isinstance(value, str) else []


def commands(value):
    """Every `faas ...` in the texts of a document."""
    return [found for text in texts(value) for found in re.findall(r"(?<![\w/-])faas ([^\n|;]+)", text)]


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_command_and_flag_exists(service, login):
    """Every command and flag of a pipeline exists."""
    lines = commands(yaml.safe_load(pipeline(service, login)))
    expected = {"validate", "build", "push", "registry-login", "deploy", "login" if login == "password" else "auth"}
    assert {line.split()[0] for line in lines} == expected
    for line in lines:
        words = shlex.split(line)
        command: Command | None = root.get_command(None, words[0])
        assert command is not None, line
        while isinstance(command, Group):
            words = words[1:]
            command = command.get_command(None, words[0])
        flags = {name for option in command.params if isinstance(option, Option) for name in option.opts}
        for word in words[1:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in flags, line


@pytest.mark.parametrize("service", SERVICES)
def test_it_installs_what_is_installed_here(service, monkeypatch):
    """The requirement keeps its blanks, quotes and signs on the way through YAML and the shell."""
    address = "faaskit[go,node] @ git+https://example.com/it's #1.git@0123"
    monkeypatch.setattr("faas_cli.ci.requirement", lambda *extras: address)
    (install,) = [
        line for line in texts(yaml.safe_load(pipeline(service, "password"))) if line.startswith("pip install")
    ]
    assert shlex.split(install) == ["pip", "install", address]


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("faaskit @ file:///home/me/faas", "file:///home/me/faas"),
        ("faaskit @ git+file:///srv/faas.git@0123", "git+file:///srv/faas.git@0123"),
        ("faaskit @ https://example.com/faaskit.whl", ""),
        ("faaskit==1.0", ""),
    ],
)
def test_an_origin_that_no_runner_reaches(written, origin, monkeypatch):
    """`faas ci init` warns of it."""
    monkeypatch.setattr("faas_cli.ci.requirement", lambda *extras: written)
    assert local_origin() == origin
