"""`from faas_cli import ...`: what a pipeline in Python is made of."""

import subprocess
import sys

import pytest

import faas_cli
from faas_cli import pipeline


@pytest.mark.parametrize("name", faas_cli.__all__)
def test_every_name_is_the_librarys(name):
    """And documented. `build` is the package, too, and does what the function does."""
    offered = getattr(faas_cli, name)
    if name != "build":
        assert offered is getattr(pipeline, name)
    assert offered.__doc__


def test_build_is_a_function_and_a_package(monkeypatch):
    """Whichever is imported first."""
    import faas_cli.build.model
    from faas_cli import build

    monkeypatch.setattr(pipeline, "build", lambda *args, **options: (args, options))
    assert build("stack", parallel=4) == (("stack",), {"parallel": 4})
    assert faas_cli.build.model.BuildOptions(parallel=4).parallel == 4


def test_what_is_not_there():
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute `nonsense`"):
        faas_cli.nonsense  # noqa: B018


def test_commands_start_without_the_library():
    """Their start-up is a feature."""
    code = "import sys, faas_cli.cli; assert 'faas_cli.pipeline' not in sys.modules and 'msgspec' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
