"""The examples in every command's help."""

import re
import shlex
from typing import Any

import click
import pytest

from faas_cli.cli import COMMANDS, root
from faas_cli.help.examples import EXAMPLES


def commands(words=(), command=root):
    """Every command that does something, by its words."""
    if not isinstance(command, click.Group):
        yield " ".join(words)
        return
    names = sorted(COMMANDS) if command is root else sorted(command.commands)
    for name in names:
        yield from commands((*words, name), command.get_command(click.Context(command), name))


def test_every_command_has_examples():
    """And no example is of a command that is gone."""
    assert sorted(commands()) == sorted(EXAMPLES)


@pytest.mark.parametrize(("words", "line"), [(words, line) for words, lines in EXAMPLES.items() for line in lines])
def test_an_example_is_understood(words, line, tmp_path, monkeypatch):
    """By the command's own parser: its flags and arguments are there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stage.env").write_text("A=1\n")
    typed = re.search(r"(?:^|[|(] ?)faas ([^|<>)]+)", line)[1]
    arguments = shlex.split(typed)
    assert arguments[: len(words.split())] == words.split()
    command: Any = root
    context = click.Context(root, info_name="faas")
    for word in words.split():
        command = command.get_command(context, word)
        context = click.Context(command, info_name=word, parent=context)
    command.make_context(word, arguments[len(words.split()) :], parent=context.parent)


@pytest.mark.parametrize("words", EXAMPLES)
def test_they_are_in_the_help(words):
    """One in a line, as they are typed."""
    command: Any = root
    context = click.Context(root, info_name="faas")
    for word in words.split():
        command = command.get_command(context, word)
        context = click.Context(command, info_name=word, parent=context)
    assert "Examples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[words]) in command.get_help(context)
