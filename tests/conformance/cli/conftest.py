"""Which command line is tested."""

import socket
import sys

import pytest


@pytest.fixture(scope="session")
def cli(request):
    """The command as a list: ours, or the one named with `--cli`."""
    chosen = request.config.getoption("--cli")
    return [chosen] if chosen else [sys.executable, "-c", "from faas_cli.cli import main; main()"]


@pytest.fixture
def unused_port():
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def silent_port():
    """A port whose connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]
