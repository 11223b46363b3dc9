"""Which tasks get calls, and at which address."""

import pytest

from faas_runtime.core.api import FunctionDeployment
from faas_runtime.providers.base import Endpoint, FunctionKey
from faas_runtime.providers.common.status import route_of
from faas_runtime.providers.swarm.objects import Node, Service, Snapshot, Task, node_of, task_of
from faas_runtime.providers.swarm.routes import endpoint_of, serving

KEY = FunctionKey("fn", "openfaas-fn")
NODE = Node("n1", "one", "10.1.0.4", up=True)


def a_task(**changes):
    values = {
        "id": "t1", "service": "s1", "node": "n1", "version": "v", "desired": True, "running": True, "failed": False,
        "message": "", "address": "10.0.1.5", "port": 30001,
    }  # fmt: skip
    return Task(**{**values, **changes})


def a_service(**changes):
    deployment = FunctionDeployment(service="fn", image="i", namespace="openfaas-fn", **changes)
    return Service("s1", 7, KEY, deployment, "v", 2, "")


def test_only_what_runs_is_wanted_and_on_a_node_that_is_up_gets_calls():
    """Tasks that drain, and those of a node that is down, get no calls."""
    tasks = [
        a_task(),
        a_task(id="draining", desired=False),
        a_task(id="starting", running=False),
        a_task(id="cut off", node="n2"),
        a_task(id="unknown", node="n3"),
    ]
    nodes = {"n1": NODE, "n2": Node("n2", "two", "10.1.0.5", up=False)}
    assert [task.id for task in serving(a_service(), Snapshot({}, {"s1": tasks}, nodes))] == ["t1"]


@pytest.mark.parametrize(
    ("task", "node", "inside", "expected"),
    [
        (a_task(), NODE, True, Endpoint("t1", "10.0.1.5", 8080)),
        (a_task(address=""), NODE, True, None),
        (a_task(), NODE, False, Endpoint("t1", "10.1.0.4", 30001)),
        (a_task(port=0), NODE, False, None),
        (a_task(), None, False, None),
        (a_task(), Node("n1", "one", "0.0.0.0", up=True), False, Endpoint("t1", "127.0.0.1", 30001)),
    ],
)
def test_inside_the_network_its_address_outside_its_nodes(task, node, inside, expected):
    """None while it has no address."""
    assert endpoint_of(task, node, inside=inside) == expected


def test_a_route_says_what_the_deployment_does():
    """Endpoints have a stable order."""
    service = a_service(annotations={"com.faas.timeout": "3s", "com.faas.expose": "internal"})
    route = route_of(service.deployment, [Endpoint("b", "h", 1), Endpoint("a", "h", 2)], service.replicas)
    assert [each.instance for each in route.endpoints] == ["a", "b"]
    assert (route.key, route.replicas, route.timeout, route.internal) == (KEY, 2, 3.0, True)


def test_what_the_manager_tells_of_a_task():
    """Its address on the functions' network, and its published port."""
    attrs = {
        "ID": "t1", "ServiceID": "s1", "NodeID": "n1", "DesiredState": "running",
        "Spec": {"ContainerSpec": {"Labels": {"io.faas.version": "v"}}},
        "Status": {"State": "running", "PortStatus": {"Ports": [{"PublishedPort": 30001}]}},
        "NetworksAttachments": [
            {"Network": {"Spec": {"Name": "other"}}, "Addresses": ["10.9.0.1/24"]},
            {"Network": {"Spec": {"Name": "faas-functions"}}, "Addresses": ["10.0.1.5/24"]},
        ],
    }  # fmt: skip
    assert task_of(attrs, "faas-functions") == a_task()
    rejected = {**attrs, "Status": {"State": "rejected", "Err": "No such image: i"}}
    found = task_of(rejected, "faas-functions")
    assert (found.failed, found.running, found.port, found.message) == (True, False, 0, "No such image: i")


def test_what_the_manager_tells_of_a_node():
    """Only the state `ready` is up."""
    attrs = {"ID": "n1", "Description": {"Hostname": "one"}, "Status": {"State": "ready", "Addr": "10.1.0.4"}}
    assert node_of(attrs) == NODE
    assert not node_of({**attrs, "Status": {"State": "down"}}).up
