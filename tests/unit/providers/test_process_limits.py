"""Resources of a deployment: what is refused, and what is reported as not enforced."""

import pytest

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.enforcement import DOCKER, PROCESS, not_enforced
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.common.limits import check_resources


@pytest.mark.parametrize("text", ["0", "lots", "500m", "-1"])
def test_a_wrong_memory_limit_names_the_field(text):
    """Zero, or anything that is not a memory quantity."""
    deployment = FunctionDeployment(service="a", image="a", limits=FunctionResources(memory=text))
    with pytest.raises(Invalid, match=r"`limits\.memory`"):
        check_resources(deployment)


@pytest.mark.parametrize("text", ["0", "1Gi"])
def test_a_wrong_cpu_request_names_the_field(text):
    """Requests are checked like limits."""
    deployment = FunctionDeployment(service="a", image="a", requests=FunctionResources(cpu=text))
    with pytest.raises(Invalid, match=r"`requests\.cpu`"):
        check_resources(deployment)


def test_what_is_not_enforced_is_reported():
    deployment = FunctionDeployment(
        service="a", image="a", limits=FunctionResources(cpu="1"), read_only_root_filesystem=True
    )
    assert not_enforced(deployment, PROCESS) == ["limits.cpu: 1", "readonly_root_filesystem: true"]
    assert not not_enforced(deployment, DOCKER)
