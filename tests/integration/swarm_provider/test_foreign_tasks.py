"""Images whose watchdog is not ours, as services of a Swarm."""

import pytest

from tests.foreign_watchdog import check_no_call_is_early, image, program
from tests.gateways import Gateway

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def foreign(swarm, tmp_path_factory, tool):
    """Name of the image, in the engine of the Swarm's machine."""
    with image(swarm.manager.client, program(tmp_path_factory.mktemp("foreign"), tool("go"))) as tag:
        yield tag


@pytest.fixture
def gateway(world):
    """A gateway of that Swarm."""
    world.folder.mkdir()
    made = Gateway(world.folder, "--engine", "swarm")
    made.start()
    yield made
    made.stop()


def test_no_call_comes_before_the_function_listens(gateway, foreign, tool):
    """The Swarm stops old tasks as soon as new ones run; calls wait until one of those is ready: zero failed.

    The function takes longer than the time that is waited where its port cannot be seen.
    """
    check_no_call_is_early(gateway, foreign, tool("wrk"), envVars={"PAUSE": "2500ms"})
