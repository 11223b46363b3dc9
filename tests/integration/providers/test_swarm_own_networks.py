"""Which networks this machine is in."""

from faas_runtime.providers.swarm.routes import is_inside


def test_this_machine_is_inside_of_its_own_networks():
    """The source address of a packet decides."""
    assert is_inside(["127.0.0.0/8"])
    assert not is_inside(["203.0.113.0/24"])
    assert not is_inside([])
