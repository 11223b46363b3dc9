"""`from faas_cli import ...`: what a pipeline in Python is made of."""

import subprocess
import sys
from pathlib import Path

import pytest

import faas_cli
from faas_cli import library


@pytest.mark.parametrize("name", faas_cli.__all__)
def test_every_name_is_the_librarys(name):
    """Every name comes from the library module and is documented."""
    offered = getattr(faas_cli, name)
    assert offered is getattr(library, name)
    assert offered.__doc__


def test_no_room_hides_a_name_of_the_library():
    """A package of the same name would be returned instead of the function once it is imported."""
    rooms = {path.name for path in Path(faas_cli.__file__).parent.iterdir() if path.is_dir()}
    assert not rooms & set(faas_cli.__all__)


def test_what_is_not_there():
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute `nonsense`"):
        faas_cli.nonsense  # noqa: B018


def test_commands_start_without_the_library():
    """Their start-up is a feature."""
    code = "import sys, faas_cli.cli; assert 'faas_cli.library' not in sys.modules and 'msgspec' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
