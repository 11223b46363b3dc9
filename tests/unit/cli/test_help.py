"""What every command's help has in common."""

import click
import pytest
from click.testing import CliRunner

from faas_cli.cli import COMMANDS, SECTIONS, _globals_behind, root
from faas_cli.console import Console
from faas_runtime import __version__


def commands(words=(), command=root):
    """Every command that does something, by its words."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    for name in sorted(COMMANDS) if command is root else sorted(command.commands):
        yield from commands((*words, name), command.get_command(click.Context(command), name))


ALL = {" ".join(words): command for words, command in commands()}


def run(*arguments):
    return CliRunner().invoke(root, arguments, prog_name="faas")


@pytest.mark.parametrize("words", ALL)
def test_every_option_has_a_help_text_and_names_its_value(words):
    """A label that ends with a dot, and FILE, URL, NAME, DURATION or N instead of TEXT."""
    context = click.Context(ALL[words], info_name=words)
    for param in ALL[words].get_params(context):
        record = param.get_help_record(context)
        if record is None or not isinstance(param, click.Option):
            continue
        flags = record[0]
        assert not {"TEXT", "INTEGER", "FLOAT"} & set(flags.split()), flags
        assert param.help, flags
        assert param.help[0].isupper(), flags


@pytest.mark.parametrize("words", ALL)
def test_help_fits_a_terminal(words):
    """80 columns, except examples, which must be one line each."""
    text = ALL[words].get_help(click.Context(ALL[words], info_name=words))
    lines = text.partition("\nExamples:")[0].splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_the_root_help_groups_commands_by_task():
    """Every command once, none imported."""
    text = run("--help").output
    assert [line[:-1] for line in text.splitlines() if line.removesuffix(":") in SECTIONS] == list(SECTIONS)
    for name, help_text in COMMANDS.items():
        assert sum(line.split() == [name, *help_text.split()] for line in text.splitlines()) == 1


def test_long_help_has_sections():
    """The command's own options come first."""
    text = ALL["up"].get_help(click.Context(ALL["up"], info_name="up"))
    titles = [line for line in text.splitlines() if line.endswith("ptions:")]
    assert titles == [
        "Options:",
        "Stack options:",
        "Gateway options:",
        "Build options:",
        "Remote builder options:",
        "Deploy options:",
    ]


def test_version():
    """On stdout, exit code 0."""
    result = run("--version")
    assert (result.exit_code, result.output) == (0, f"faas {__version__}\n")


@pytest.mark.parametrize("arguments", [["help", "gateway", "stop"], ["help", "ls"], ["help"]])
def test_help_names_the_command_in_its_usage(arguments):
    """Not `faas help`."""
    expected = {"stop": "Usage: faas gateway stop [OPTIONS]", "ls": "Usage: faas ls [OPTIONS]"}
    first = run(*arguments).output.splitlines()[0]
    assert first == expected.get(arguments[-1], "Usage: faas [OPTIONS] COMMAND [ARGS]...")


@pytest.mark.parametrize("arguments", [["-v", "schema"], ["schema", "--verbose"], ["schema", "-v"]])
def test_verbose_before_and_after_the_command(arguments):
    """It acts on the console."""
    console = Console()
    result = CliRunner().invoke(root, arguments, obj=console)
    assert result.exit_code == 0
    assert console.verbose


@pytest.mark.parametrize(
    ("typed", "moved"),
    [
        (["-f", "my.yml", "build"], ["build", "--yaml", "my.yml"]),
        (["-v", "--yaml=my.yml", "build", "--", "x"], ["-v", "build", "--yaml=my.yml", "--", "x"]),
        (["--filter", "a", "--regex=b", "list"], ["list", "--filter", "a", "--regex=b"]),
        (["-f", "my.yml", "logs", "fn"], ["logs", "fn", "--yaml", "my.yml"]),
    ],
)
def test_global_flags_in_front_of_the_command(typed, moved):
    """`-f` becomes `--yaml`, which no command uses for anything else."""
    assert _globals_behind(typed) == moved
