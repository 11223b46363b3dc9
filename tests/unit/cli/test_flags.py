"""The flag syntax of faas-cli."""

import click
import pytest
from click.testing import CliRunner

from faas_cli.options.syntax import Duration, FaasCommand, Integer, Pair, switch


@click.command(cls=FaasCommand)
@click.argument("words", nargs=-1)
@click.option("-n", "--name", default="")
@click.option("-e", "--env", type=Pair(), multiple=True)
@click.option("--count", type=Integer(), default=1)
@click.option("--wait", type=Duration(), default="1m")
@switch("--update", default=True)
@switch("--replace")
def command(words, name, env, count, wait, update, replace):
    click.echo(repr((words, name, env, count, wait, update, replace)))


def read(*args):
    result = CliRunner().invoke(command, args)
    assert result.exit_code == 0, result.output
    return eval(result.stdout)


@pytest.mark.parametrize("args", [("--name", "x"), ("--name=x",), ("-n", "x"), ("-nx",), ("-n=x",), ("-name=x",)])
def test_every_way_to_give_a_value(args):
    """`-n=value` loses its `=`; 2018's single dash works."""
    assert read(*args)[1] == "x"


@pytest.mark.parametrize(
    ("args", "update", "replace"),
    [
        ((), True, False),
        (("--update=false", "--replace=true"), False, True),
        (("--update=F", "--replace=1"), False, True),
        (("--update", "--replace"), True, True),
        (("--update=true", "--replace=0"), True, False),
        (("--no-update",), False, False),
    ],
)
def test_booleans(args, update, replace):
    """Both values of both kinds of switch."""
    assert read(*args)[5:] == (update, replace)


def test_a_separated_boolean_is_a_word():
    """`--update false` leaves `false` a positional argument."""
    assert read("--update", "false")[0] == ("false",)


@pytest.mark.parametrize("literal", ["yes", "no", "", "2"])
def test_other_booleans_are_refused(literal):
    """Exit code 2, and the flag's name."""
    result = CliRunner().invoke(command, [f"--update={literal}"])
    assert result.exit_code == 2
    assert "--update" in result.output


def test_flags_after_words_and_double_dash():
    """Flags may follow positionals; `--` ends them."""
    words, name, *_ = read("a", "--name=x", "--", "--name=y", "-n=z")
    assert (words, name) == (("a", "--name=y", "-n=z"), "x")


def test_pairs():
    """The value may hold `=` and commas; repeating collects."""
    assert read("-e", "A=1=2", "--env", "B=x,y")[2] == (("A", "1=2"), ("B", "x,y"))
    for wrong in ("A", "=1", "A="):
        assert CliRunner().invoke(command, ["-e", wrong]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), ("0x10", 16), ("010", 8), ("0o10", 8), ("0b11", 3), ("1_000", 1000)]
)
def test_integers(text, value):
    """Go's spellings."""
    assert read(f"--count={text}")[3] == value
