"""Flags that exclude each other are refused before anything is looked for."""

import pytest
from click.testing import CliRunner

from faas_cli.commands.build import command
from faas_cli.commands.up import command as up
from faas_cli.console import Console
from faas_cli.errors import UsageError
from faas_cli.images.builders.choose import choose_builder
from faas_cli.images.model import BuildOptions
from faas_cli.stack.model import Provider, Stack


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"builder": "oci", "squash": True}, "`--squash` is for `--builder docker`"),
        ({"builder": "buildx", "squash": True}, "`--squash` is for `--builder docker`"),
        ({"builder": "oci", "pull": True}, "`--pull` is for an engine"),
        ({"shrinkwrap": True, "why": True}, "`--why` explains a build"),
    ],
)
def test_builders(options, words):
    """None is ignored in silence."""
    with pytest.raises(UsageError, match=words):
        choose_builder(BuildOptions(**options), Stack(provider=Provider(name="openfaas")), Console())


def test_a_function_of_its_own_and_a_stack_file():
    """The file says it already."""
    result = CliRunner().invoke(command, ["-f", "stack.yml", "--image", "a:1", "--name", "a"])
    assert isinstance(result.exception, UsageError)
    assert "`--image`, `--name` and `-f stack.yml` exclude each other" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--platforms", "linux/arm64"], "`--platforms` needs `--publish`"),
        (["--publish", "--skip-push"], "`--publish` always pushes"),
        (["--publish", "--watch"], "`--publish` always pushes"),
    ],
)
def test_up(arguments, words):
    """Before the stack file is read."""
    result = CliRunner().invoke(up, ["-f", "none.yml", *arguments])
    assert isinstance(result.exception, UsageError)
    assert words in str(result.exception)
