"""Quantities and durations as users write them."""

import pytest

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.common.limits import check_resources, not_enforced, parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("128Mi", 128 * 1024**2),
        ("1Gi", 1024**3),
        ("64M", 64_000_000),
        ("1k", 1000),
        ("512", 512),
        ("1e3", 1000),
        ("0.5", 0.5),
        (".5", 0.5),
        ("100m", 0.1),
    ],
)
def test_quantities(text, number):
    assert float(parse_quantity(text, "x")) == number


@pytest.mark.parametrize("text", ["", "lots", "128mi", "1 Gi", "-1", "1Gib", "0x10", "1e", "NaN", "١"])
def test_nonsense_quantities_name_the_field(text):
    with pytest.raises(Invalid, match=r"`limits\.memory`"):
        parse_quantity(text, "limits.memory")


def test_a_limit_of_nothing_is_refused():
    deployment = FunctionDeployment(service="a", image="a", limits=FunctionResources(memory="0"))
    with pytest.raises(Invalid, match=r"limits\.memory"):
        check_resources(deployment)


def test_what_is_not_enforced_is_said():
    deployment = FunctionDeployment(
        service="a", image="a", limits=FunctionResources(cpu="1"), read_only_root_filesystem=True
    )
    assert not_enforced(deployment) == ["cpu limit 1", "read-only root file system"]
