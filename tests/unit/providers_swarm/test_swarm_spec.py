"""The service of a deployment, and the deployment of a service."""

import pytest

from faas_runtime.core.api import FunctionDeployment, FunctionResources
from faas_runtime.core.errors import Invalid
from faas_runtime.providers.base import FunctionKey
from faas_runtime.providers.swarm.spec import (
    deployment_of,
    secret_reference,
    service_name,
    service_spec,
    version_of,
)


def a_deployment(**changes):
    return FunctionDeployment(service="fn", image="i", namespace="openfaas-fn", **changes)


def spec_of(deployment, published=True):
    return service_spec(deployment, [], "net", 3, published=published)


def test_a_deployment_comes_back_from_the_labels():
    """The deployment is in a label of the service."""
    deployment = a_deployment(
        env_vars={"a": "b"}, labels={"c": "d"}, secrets=["s"], limits=FunctionResources(memory="64Mi")
    )
    assert deployment_of(spec_of(deployment)["labels"]) == deployment
    assert deployment_of({}) is None


def test_every_specification_is_a_version_of_its_own():
    """An update without changes is an update, too."""
    assert version_of(spec_of(a_deployment())) != version_of(spec_of(a_deployment()))


def test_new_tasks_come_before_old_ones_go():
    """The Swarm rolls back where they fail."""
    update = spec_of(a_deployment())["update_config"]
    assert (update["Order"], update["FailureAction"]) == ("start-first", "rollback")


def test_ports_are_published_on_the_tasks_node_for_gateways_outside():
    """Never through the ingress mesh, never with a virtual address."""
    outside, inside = (
        spec_of(a_deployment())["endpoint_spec"],
        spec_of(a_deployment(), published=False)["endpoint_spec"],
    )
    assert outside == {"Mode": "dnsrr", "Ports": [{"Protocol": "tcp", "TargetPort": 8080, "PublishMode": "host"}]}
    assert inside == {"Mode": "dnsrr"}


def test_resources_and_placement():
    """Quantities in the engine's units."""
    deployment = a_deployment(
        limits=FunctionResources(memory="64Mi", cpu="500m"),
        requests=FunctionResources(memory="16Mi", cpu="100m"),
        constraints=["node.role == worker"],
    )
    task = spec_of(deployment)["task_template"]
    assert task["Resources"]["Limits"] == {"MemoryBytes": 64 << 20, "NanoCPUs": 500_000_000, "Pids": 1024}
    assert task["Resources"]["Reservations"] == {"MemoryBytes": 16 << 20, "NanoCPUs": 100_000_000}
    assert task["Placement"]["Constraints"] == ["node.role == worker"]


def test_a_constraint_no_swarm_understands():
    """The error names the field."""
    with pytest.raises(Invalid, match="`constraints`: `fast`"):
        spec_of(a_deployment(constraints=["fast"]))


def test_a_task_may_take_as_long_to_end_as_a_call():
    """Its timeout, and a margin for the watchdog."""
    deployment = a_deployment(annotations={"com.faas.timeout": "5m"})
    grace = spec_of(deployment)["task_template"]["ContainerSpec"]["StopGracePeriod"]
    assert grace == 310 * 1_000_000_000


def test_names_of_services_are_host_names_and_never_the_same():
    """Names of any length, with dashes anywhere."""
    long = FunctionKey("f" * 60, "n" * 30)
    assert len(service_name(long)) == 63
    assert service_name(FunctionKey("a", "b-c")) != service_name(FunctionKey("a-b", "c"))
    assert service_name(FunctionKey("a_b", "c")) != service_name(FunctionKey("a", "b_c"))


def test_a_secret_is_a_file_where_functions_refresh():
    """The file has the secret's own name, not the Swarm's."""
    assert secret_reference("id", "faas-x", "word")["File"]["Name"] == "/var/openfaas/secrets/word"
