"""Versions that are containers: a canary, and an earlier one that comes back."""

from collections import Counter

import pytest

from tests.gateways import Gateway
from tests.integration.docker_provider.conftest import client, image

__all__ = ["client", "image"]


@pytest.fixture
def containers(tmp_path, client, image, wait_for):
    """A running gateway whose functions are containers."""
    found = Gateway(tmp_path / "state", "--engine", "docker")
    found.state.mkdir()
    found.start()
    yield found
    found.delete("divided")
    # Old versions are removed once they have drained.
    wait_for(lambda: not client.containers.list(all=True, filters={"name": "fn-divided"}, ignore_removed=True), 30)
    found.stop()


def test_containers_share_calls_too(containers, image):
    """Through a restart of the gateway, until the canary is promoted."""
    gateway = containers
    assert gateway.deploy("divided", image, envVars={"GREETING": "one"}).status == 202
    share = {"com.faas.traffic": "50"}
    assert gateway.update("divided", image, envVars={"GREETING": "two"}, annotations=share).status == 202

    def drawn(calls):
        return Counter(gateway.call("divided", b"x").text.partition("|")[0] for _ in range(calls))

    assert set(drawn(40)) == {"one", "two"}
    gateway.stop()
    gateway.start()
    gateway.wait_available("divided--canary", 1)
    assert set(drawn(40)) == {"one", "two"}

    assert gateway.ask("POST", "/system/function/divided/promote").status == 200
    assert drawn(10) == {"two": 10}
    assert gateway.ask("GET", "/system/function/divided--canary").status == 404
    assert gateway.ask("POST", "/system/function/divided/rollback", {}).status == 200
    assert drawn(10) == {"one": 10}
