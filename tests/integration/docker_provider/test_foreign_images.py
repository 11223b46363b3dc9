"""Images whose watchdog is not ours: it calls itself ready while the function behind it does not listen yet."""

import pytest

from tests.foreign_watchdog import FUNCTION, check_no_call_is_early, image, program
from tests.gateways import Gateway, build_watchdog, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def foreign(client, tmp_path_factory, tool):
    """Name of the image."""
    with image(client, program(tmp_path_factory.mktemp("foreign"), tool("go"))) as tag:
        yield tag


@pytest.fixture
def gateway(tmp_path, client):
    build_watchdog()
    state = tmp_path / "state"
    state.mkdir()
    made = Gateway(state, "--engine", "docker")
    made.start()
    yield made
    made.delete(FUNCTION)
    wait_for(lambda: not client.containers.list(filters={"label": f"io.faas.function={FUNCTION}"}), 30)
    made.stop()


def test_no_call_comes_before_the_function_listens(gateway, foreign, tool):
    """On one engine: zero failed calls."""
    check_no_call_is_early(gateway, foreign, tool("wrk"))
