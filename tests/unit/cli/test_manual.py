"""Manual pages and `--help` say the same."""

from typing import Any

import click
import pytest

from faas_cli.cli import COMMANDS, root
from faas_cli.help.examples import EXAMPLES
from faas_cli.help.manual import pages

PAGES = dict(pages())


def test_there_is_a_page_for_every_command():
    """And one for all of them."""
    assert sorted(PAGES) == sorted(["faas.1", *(f"faas-{words.replace(' ', '-')}.1" for words in EXAMPLES)])
    assert all(f"\\fB{name}\\fR".replace("-", r"\-") in PAGES["faas.1"] for name in COMMANDS)


@pytest.mark.parametrize("words", EXAMPLES)
def test_a_page_has_every_flag_and_example(words):
    """The flags of the help, no hidden ones, in the same words."""
    command: Any = root
    context = click.Context(root, info_name="faas")
    for word in words.split():
        command = command.get_command(context, word)
        context = click.Context(command, info_name=word, parent=context)
    page = PAGES[f"faas-{words.replace(' ', '-')}.1"].replace(r"\-", "-").replace(r"\e", "\\")
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if isinstance(param, click.Option) and record:
            assert record[0] in page
            assert record[1] in page
    assert all(example in page for example in EXAMPLES[words])


def test_no_text_is_a_command_of_troff():
    """A line begins with a dot only where we mean it."""
    known = (".TH ", ".nh", ".ad l", ".SH ", ".PP", ".TP", ".EX", ".EE")
    for page in PAGES.values():
        assert all(line.startswith(known) for line in page.splitlines() if line.startswith((".", "'")))
