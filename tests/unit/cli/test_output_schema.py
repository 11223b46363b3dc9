"""The published schemas of command output."""

import json
from pathlib import Path

import click
import pytest

from faas_cli.cli import COMMANDS, root
from faas_cli.errors import UsageError
from faas_cli.output.schema import OUTPUTS, output_schema

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "schemas"


def printing(words=(), command=root):
    """Every command with `--output`, by its words."""
    if isinstance(command, click.Group):
        for name in sorted(COMMANDS) if command is root else sorted(command.commands):
            yield from printing((*words, name), command.get_command(click.Context(command), name))
    elif any("--output" in param.opts and "--json" in each.opts for param in command.params for each in command.params):
        yield " ".join(words)


def test_every_command_that_prints_data_has_one():
    """And no other."""
    assert sorted(printing()) == sorted(OUTPUTS)


@pytest.mark.parametrize("words", OUTPUTS)
def test_what_is_published_is_what_is_printed(words):
    """A changed format is visible in review; `faas schema COMMAND > docs/schemas/NAME.json` writes it."""
    published = json.loads((PUBLISHED / f"{words.replace(' ', '-')}.json").read_text())
    assert output_schema(words) == published


def test_a_command_that_prints_none():
    """The hint lists the commands that have one."""
    with pytest.raises(UsageError, match="`faas build` has no `--output json`") as caught:
        output_schema("build")
    assert "namespace list" in caught.value.hint
