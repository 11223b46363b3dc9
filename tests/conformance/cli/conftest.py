"""Which command line is tested."""

import sys

import pytest


@pytest.fixture(scope="session")
def cli(request):
    """The command as a list: ours, or the one named with `--cli`."""
    chosen = request.config.getoption("--cli")
    return [chosen] if chosen else [sys.executable, "-c", "from faas_cli.cli import main; main()"]
